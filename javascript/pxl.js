/* pxl: one small editor over one hidden JSON field, the job.

   The page holds <div class="pxl-panel" data-tab data-key data-schema> and <div id="pxl_{tab}_job"><textarea>. The
   textarea is the truth that server, infotext, presets and this editor share; the editor draws into the div.
   Sections: Elements, Curve, Job, Server, Pictures, Fields, Card, Film, Layers, Extras, Panel,
   Page. A new kind of field is one entry of
   `fields`. What comes from outside reaches the page as text, never as markup. The other files of this folder build on
   `window.pxl.kit`. */
(() => {
    "use strict";
    if (window.pxl) return;

    const UNDO_SHOWN = 8000;
    const POLL = { every: 1000, often: 120000, atMost: 600000 };
    const LARGEST_UPLOAD = 64 * 2 ** 20;
    const THUMBNAILS_KEPT = 48;
    const FILM = { after: 300, columns: 8 };
    const panels = new Map();  // by tab
    const takers = new WeakMap();  // drop zone -> function that takes the promise of a picture

    // ---- Elements --------------------------------------------------------------------------------------------------

    const EYE = "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z";
    const ICONS = {
        up: "M12 19V5M6 11l6-6 6 6",
        down: "M12 5v14M6 13l6 6 6-6",
        mute: EYE,
        muted: `${EYE}M4 4l16 16`,
        copy: "M9 9h11v11H9zM5 15H4V4h11v1",
        remove: "M4 7h16M10 7V4h4v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
        clear: "M6 6l12 12M18 6L6 18",
        add: "M12 5v14M5 12h14",
        picture: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5v.01",
    };

    const page = () => (typeof gradioApp === "function" ? gradioApp() : document);

    function el(name, props = {}, ...children) {
        const [tag, ...classes] = name.split(".");
        const node = document.createElement(tag);
        for (const [key, value] of Object.entries(props)) {
            if (key in node) node[key] = value;
            else node.setAttribute(key, value);
        }
        node.classList.add(...classes);
        node.append(...children.filter((child) => child !== null));
        return node;
    }

    function svg(tag, attributes = {}, ...children) {
        const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
        for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
        node.append(...children);
        return node;
    }

    const icon = (name) =>
        svg("svg", { class: "pxl-icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));

    const tool = (name, title, onclick) =>
        el(`button.pxl-tool.pxl-tool-${name}`, { type: "button", title, "aria-label": title, onclick }, icon(name));

    const button = (label, onclick) => el("button.pxl-button", { type: "button", onclick }, label);

    const sentence = (name) => el(`p.${name}`, { "aria-live": "polite" });

    /** A bar that offers the way back for what was done last; `home` takes the focus, `after` follows a way back. */
    function undoBar(home, after = () => {}) {
        const node = el("div.pxl-undo", { role: "status", hidden: true });
        const ways = [];
        let timer = 0;

        function offer(text, back) {
            ways.splice(0, ways.length - 19);
            ways.push(back);
            node.replaceChildren(el("span", {}, text), button("Undo", takeBack));
            node.hidden = false;
            clearTimeout(timer);
            const hide = () => {
                if (node.matches(":hover, :focus-within")) timer = setTimeout(hide, 1000);
                else node.hidden = true;
            };
            timer = setTimeout(hide, UNDO_SHOWN);
        }

        async function takeBack() {
            const back = ways.pop();
            if (node.contains(document.activeElement)) home().focus();
            node.hidden = true;
            await back();
            after();
        }

        /** Ctrl+Z, where no text is being written. */
        function hear(event) {
            if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.key.toLowerCase() !== "z") return;
            if (!ways.length || event.target.matches("textarea, input[type=text], input[type=search]")) return;
            event.preventDefault();
            takeBack();
        }
        return { node, offer, hear };
    }

    async function copyText(text) {
        const area = el("textarea", { value: text, readOnly: true, style: "position: fixed; opacity: 0" });
        const copied = navigator.clipboard?.writeText(text) ?? Promise.reject();
        await copied.catch(() => {  // over plain HTTP a page has no clipboard
            const held = document.activeElement;
            document.body.append(area);
            area.select();
            document.execCommand("copy");
            area.remove();
            held?.focus();
        });
    }

    /** Writes into a field of the host, which gradio then hears of. */
    function writeInto(area, text) {
        Object.getOwnPropertyDescriptor(Object.getPrototypeOf(area), "value").set.call(area, text);
        area.dispatchEvent(new Event("input", { bubbles: true }));
    }

    /** Goes to another tab of the host's. */
    function showTab(tab) {
        const tabs = [...page().querySelectorAll("#tabs > .tab-nav button, #tabs [role=tab]")];
        tabs.find((each) => each.textContent.trim().toLowerCase() === tab)?.click();  // Forge writes Txt2img
    }

    // ---- Curve: the grammar of lib_pxl/control/curve.py ------------------------------------------------------------

    const EASES = {
        linear: (t) => t,
        smooth: (t) => t * t * (3 - 2 * t),
        in: (t) => t * t,
        out: (t) => t * (2 - t),
        hold: (t) => (t >= 1 ? 1 : 0),
    };
    const MAX_KEYS = 256;
    const NUMBER = "[+-]?(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:[eE][+-]?\\d+)?";
    const PLAIN = new RegExp(`^\\s*${NUMBER}\\s*$`);
    const KEY = new RegExp(`^\\s*(${NUMBER})\\s*(%?)\\s*:\\s*(\\(?)\\s*(${NUMBER})\\s*(\\)?)\\s*([A-Za-z]*)\\s*$`);
    const LONELY = new RegExp(`^(${NUMBER}\\s*%?)\\s*:?$`);
    const EXAMPLE = "write 0.5, or keys such as 0:0, 30%:1 smooth";

    const short = (text) => (text.length > 40 ? `${text.slice(0, 40)}…` : text);
    const rounded = (value) => Math.round(value * 1e6) / 1e6;
    const formatShare = (u) => (u === 0 ? "0" : `${rounded(u * 100)}%`);

    /** {plain, keys} of a curve's text; an Error with one sentence where it cannot be read. */
    function parseCurve(text) {
        if (PLAIN.test(text)) return { plain: true, keys: [{ u: 0, v: parseStrength(text), ease: "linear" }] };
        const pieces = text.split(",");
        if (pieces.length > MAX_KEYS) throw new Error(`${pieces.length} keys are too many: write at most ${MAX_KEYS}`);
        const keys = pieces.map(parseKey).sort((a, b) => a.u - b.u);
        const twice = keys.find((key, i) => i && keys[i - 1].u === key.u);
        if (twice) throw new Error(`${formatShare(twice.u)} is there twice: write it once`);
        return { plain: false, keys };
    }

    function parseKey(piece) {
        const found = KEY.exec(piece);
        if (!found || !found[3] !== !found[5]) throw new Error(explainKey(piece.trim()));
        const [, place, percent, , value, , word] = found;
        const u = rounded(percent ? place / 100 : Number(place));
        const ease = word.toLowerCase() || "linear";
        if (u < 0) throw new Error(`${place}${percent} is before the start: the first place is 0`);
        if (u > 1 && percent) throw new Error(`${place}% is past the end: the last place is 100%`);
        if (u > 100) throw new Error(`${place} is past the end: write 0% to 100%, frames are not counted`);
        if (u > 1) throw new Error(`${place} is past the end: write ${place}% or ${rounded(u / 100)}`);
        if (!EASES[ease]) throw new Error(`“${short(word)}” is no ease: write ${Object.keys(EASES).join(", ")}`);
        return { u, v: parseStrength(value), ease };
    }

    function explainKey(piece) {
        const lonely = LONELY.exec(piece);
        if (lonely) return `${short(piece)} has no strength: write ${lonely[1]}:1`;
        return `${piece ? `“${short(piece)}” is no key` : "Nothing here"}: ${EXAMPLE}`;
    }

    function parseStrength(text) {
        const value = Number(text);
        if (!(value >= 0 && value <= 1)) throw new Error(`${short(text.trim())} is no strength: write 0 to 1`);
        return value;
    }

    function formatCurve(keys) {
        if (keys.length === 1) return String(keys[0].v);
        const ease = (key) => (key.ease === "linear" ? "" : ` ${key.ease}`);
        return keys.map((key) => `${formatShare(key.u)}:${rounded(key.v)}${ease(key)}`).join(", ");
    }

    /** The curve as an SVG path in a box of 100 by 100, strength upwards. */
    function curvePath(keys) {
        const points = [[0, keys[0].v], [keys[0].u, keys[0].v]];
        keys.slice(1).forEach((key, i) => {
            const from = keys[i];
            const steps = { linear: 1, hold: 1 }[key.ease] ?? 16;
            if (key.ease === "hold") points.push([key.u, from.v]);
            for (let n = 1; n <= steps; n += 1) {
                const t = n / steps;
                points.push([from.u + (key.u - from.u) * t, from.v + (key.v - from.v) * EASES[key.ease](t)]);
            }
        });
        points.push([1, keys[keys.length - 1].v]);
        return points.map(([u, v], i) => `${i ? "L" : "M"}${rounded(u * 100)} ${rounded(100 - v * 100)}`).join("");
    }

    // ---- Job: what the hidden field holds --------------------------------------------------------------------------

    const SWITCHES = { control: false, nokens: true, record: false };  // what an absent key means
    const isObject = (data) => typeof data === "object" && data !== null && !Array.isArray(data);
    const copyOf = (data) => JSON.parse(JSON.stringify(data));
    const newLayer = () => ({ source: { kind: "image" } });

    /** A job from its JSON data, keys nobody knows kept; an Error where it is none. */
    function parseJob(data) {
        const { control = {} } = data;
        const { layers = [] } = control;
        if (![data, control].every(isObject)) throw new Error("a job is a dictionary");
        if (!Array.isArray(layers) || !layers.every(isObject)) throw new Error("layers are a list of dictionaries");
        return { ...data, control: { ...control, enabled: control.enabled ?? layers.length > 0, layers } };
    }

    /** The shortest text of a job: no text at all where everything is as it would be without. */
    function formatJob({ control, ...rest }) {
        const { enabled, layers, ...more } = control;
        if (more.inner === false) delete more.inner;
        for (const [key, value] of Object.entries(SWITCHES)) if (rest[key] === value) delete rest[key];
        const idle = !enabled && !layers.length && !Object.keys(more).length;
        const data = idle ? rest : { control: { enabled, layers, ...more }, ...rest };
        return Object.keys(data).length ? JSON.stringify(data) : "";
    }

    /** A program in a job's clothes; a job as it is. */
    const asJob = (data) => (Object.keys(SWITCHES).some((key) => key in data) ? data : { control: data });

    // ---- Server ----------------------------------------------------------------------------------------------------

    const SILENT = "The server did not answer";

    /** The answer to data as JSON, or to a file as it is; an Error with one sentence, `silent` where nothing came. */
    async function ask(panel, path, method = "GET", data = undefined) {
        const raw = data instanceof Blob;
        const kind = raw ? data.type || "application/octet-stream" : "application/json";
        const headers = { "X-Pxl-Key": panel.key, "Content-Type": kind };
        const body = raw ? data : data && JSON.stringify(data);
        const answer = await fetch(`./pxl/v1/${path}`, { method, headers, body }).catch(() => null);
        if (!answer) throw Object.assign(new Error(SILENT), { silent: true });
        if (!answer.ok) throw new Error(refusal(answer.status, await answer.text()));
        return answer;
    }

    const askJSON = async (...words) => (await ask(...words)).json();

    function refusal(status, text) {
        if (status === 401) return "The server no longer knows this page: reload it";
        try {
            const { detail } = JSON.parse(text);
            if (typeof detail === "string") return detail;
        } catch { /* no JSON: the status has to do */ }
        return `The server answered ${status}`;
    }

    /** Sends a picture; XMLHttpRequest because fetch cannot tell how much of the body has gone. */
    function upload(panel, picture, onProgress) {
        const request = new XMLHttpRequest();
        const done = new Promise((resolve, reject) => {
            request.upload.onprogress = (event) => onProgress(event.lengthComputable ? event.loaded / event.total : 0);
            request.onerror = () => reject(new Error(SILENT));
            request.onload = () => {
                if (request.status === 200) resolve(JSON.parse(request.responseText));
                else reject(new Error(refusal(request.status, request.responseText)));
            };
        });
        request.open("POST", "./pxl/v1/maps");
        request.setRequestHeader("X-Pxl-Key", panel.key);
        request.setRequestHeader("Content-Type", picture.type || "application/octet-stream");
        request.send(picture);
        return { done, stop: () => request.abort() };
    }

    const thumbnails = new Map();  // map:HASH -> promise of a blob URL

    function keepThumbnail(map, url) {
        thumbnails.set(map, url);
        url.catch(() => thumbnails.delete(map));
        if (thumbnails.size <= THUMBNAILS_KEPT) return;
        const [oldest, gone] = thumbnails.entries().next().value;
        thumbnails.delete(oldest);
        gone.then(URL.revokeObjectURL, () => {});
    }

    async function thumbnail(panel, value) {
        if (value.startsWith("data:image/")) return value;
        if (!value.startsWith("map:")) return null;
        if (!thumbnails.has(value)) {
            const asked = ask(panel, `maps/${encodeURIComponent(value.slice(4))}`);
            keepThumbnail(value, asked.then((answer) => answer.blob()).then(URL.createObjectURL));
        }
        return thumbnails.get(value);
    }

    // ---- Pictures that are dropped or pasted -----------------------------------------------------------------------

    const carriesPicture = (data) => ["Files", "text/uri-list"].some((type) => data.types.includes(type));

    function draggedAddress(data) {
        const listed = data.getData("text/uri-list").split(/\r?\n/).find((line) => line && !line.startsWith("#"));
        const html = new DOMParser().parseFromString(data.getData("text/html"), "text/html");
        const address = html.querySelector("img")?.getAttribute("src") || listed;
        try {
            return address ? new URL(address, document.baseURI) : null;
        } catch {
            return null;
        }
    }

    /** The picture in a DataTransfer, which is read before the first wait: after the event it is empty. */
    async function pictureIn(data) {
        const files = [...data.files];
        const file = files.find((each) => each.type.startsWith("image/")) || files[0];
        const address = draggedAddress(data);
        // A picture of this page, such as the host's gallery: its own bytes, not what the browser makes of them.
        if (address && (address.origin === location.origin || ["data:", "blob:"].includes(address.protocol))) {
            const answer = await fetch(address).catch(() => null);
            if (answer?.ok) return answer.blob();
        }
        if (!file) throw new Error("That picture cannot be reached from here: save it first, then drop the file");
        return file;
    }

    function checkPicture({ type, size }) {
        if (type && !type.startsWith("image/")) throw new Error(`That is ${type}, not a picture`);
        if (!size) throw new Error("That file is empty");
        if (size > LARGEST_UPLOAD) throw new Error("That picture is over 64 MB");
    }

    /** Gives a picture that is on its way to the drop zone at a place of the panel, or else to a new layer. */
    function giveTo(panel, place, picture) {
        const zone = zoneAt(place) || addLayer(panel, newLayer())?.querySelector(".pxl-drop");
        if (zone) takers.get(zone)(picture);
        else picture.catch(() => {});
    }

    const zoneAt = (node) => node.closest(".pxl-drop")
        || node.closest(".pxl-card")?.querySelector(".pxl-is-source:not([hidden]) .pxl-drop");

    // ---- Fields: one entry draws one kind --------------------------------------------------------------------------
    // An entry gets a slot {panel, owner, field, id, box, error, get(), set(value), say(sentence)}; returns an element.

    const fields = {
        choice(slot) {
            const { choices, help = "" } = slot.field;
            const value = slot.get();
            const select = el("select.pxl-select", { id: slot.id, title: help }, ...choices.map((choice) => {
                const disabled = choice.built === false;
                return el("option", { value: choice.value, title: choice.help || "", disabled },
                    choice.label, disabled ? " (not built yet)" : null);
            }));
            const chosen = choices.find((choice) => choice.value === value);
            if (!chosen) select.append(el("option", { value }, String(value)));
            if (!chosen) slot.say("This choice is unknown here");
            else if (chosen.built === false) slot.say("Not built yet: choose another");
            select.value = value;
            select.onchange = () => { slot.set(select.value); slot.say(""); };
            return select;
        },

        curve(slot) {
            const text = el("input.pxl-text", { type: "text", id: slot.id, value: String(slot.get()), spellcheck: false,
                autocomplete: "off", title: slot.field.help || "" });
            const slider = el("input.pxl-slider",
                { type: "range", min: 0, max: 1, step: 0.01, "aria-label": slot.field.label });
            const plot = drawPlot((keys) => { text.value = formatCurve(keys); commit(); });

            function show() {
                let curve = null;
                slot.say("");
                try {
                    curve = parseCurve(text.value);
                    plot.show(curve);
                } catch (error) {
                    slot.say(error.message);
                }
                text.setAttribute("aria-invalid", !curve);
                plot.node.classList.toggle("pxl-stale", !curve);
                slider.hidden = !curve?.plain;
                if (curve?.plain) slider.value = curve.keys[0].v;
                slider.style.setProperty("--pxl-filled", `${slider.value * 100}%`);
                return curve;
            }

            function commit() {
                const curve = show();  // a wrong text is kept as written, so that no picture comes from another curve
                slot.set(curve?.plain ? curve.keys[0].v : text.value.trim());
            }

            text.oninput = commit;
            slider.oninput = () => { text.value = slider.value; commit(); };
            show();
            return el("div.pxl-stack", {}, el("div.pxl-line", {}, text, slider), slot.error, plot.node);
        },

        hires(slot) {
            const box = el("div.pxl-stack");
            const options = [["same", "Same"], ["off", "Off"], ["curve", "Its own"]];
            const select = el("select.pxl-select", { id: slot.id, title: slot.field.help || "" },
                ...options.map(([value, label]) => el("option", { value }, label)));
            const show = () => {
                const own = !["same", "off"].includes(slot.get());
                select.value = own ? "curve" : slot.get();
                slot.say("");
                slot.box.classList.toggle("pxl-wide", own);
                box.replaceChildren(select, ...(own ? [fields.curve({ ...slot, id: `${slot.id}_curve` })] : []));
            };
            select.onchange = () => {
                slot.set(select.value === "curve" ? slot.owner.strength ?? 0.5 : select.value);
                show();
                select.focus();
            };
            show();
            return box;
        },

        image(slot) {
            const { panel, field } = slot;
            const picker = el("input", { type: "file", accept: "image/*", hidden: true, tabIndex: -1 });
            const thumb = el("img.pxl-thumb", { alt: "", draggable: false });
            const hint = el("span.pxl-hint");
            const bar = el("progress.pxl-progress", { max: 1, hidden: true, "aria-label": "Upload" });
            const drop = el("button.pxl-drop", { type: "button", id: slot.id, title: field.help || "" },
                thumb, icon("picture"), hint, bar);
            const clear = tool("clear", `Clear: ${field.label}`, () => {
                forget();
                slot.set(undefined);
                show();
                drop.focus();
            });
            let turn = 0;
            let stop = () => {};

            function forget() {  // what is still on its way
                turn += 1;
                stop();
                bar.hidden = true;
                slot.say("");
            }

            async function show() {
                const value = slot.get() || "";
                hint.textContent = value ? describe(value) : field.optional ? "Optional" : "Drop, paste or click";
                clear.hidden = !value && bar.hidden;
                const url = value && await thumbnail(panel, value).catch((error) => slot.say(error.message));
                if (value !== (slot.get() || "")) return;  // another one came while this one loaded
                drop.classList.toggle("pxl-full", Boolean(url));
                thumb.hidden = !url;
                if (url) thumb.src = url;
            }

            async function take(promise) {
                forget();
                const mine = turn;
                try {
                    const picture = await promise;
                    checkPicture(picture);
                    if (mine !== turn) return;
                    const sending = upload(panel, picture, (share) => { bar.value = share; });
                    stop = sending.stop;
                    bar.value = 0;
                    bar.hidden = clear.hidden = false;
                    const { map, frames: count = 1 } = await sending.done;
                    if (mine !== turn) return;
                    if (!thumbnails.has(map)) keepThumbnail(map, Promise.resolve(URL.createObjectURL(picture)));
                    if (count > 1 && field.kind === "image" && slot.moving) slot.moving(map);
                    else slot.set(map);
                } catch (error) {
                    if (mine === turn) slot.say(error.message);
                }
                if (mine === turn) bar.hidden = true;
                show();
            }

            thumb.onerror = () => { drop.classList.remove("pxl-full"); thumb.hidden = true; };
            picker.onchange = () => { if (picker.files[0]) take(Promise.resolve(picker.files[0])); picker.value = ""; };
            drop.onclick = () => picker.click();
            takers.set(drop, take);
            show();
            return Object.assign(el("div.pxl-picture", {}, drop, clear, picker), { show });
        },

        /** A picture that moves; a folder or a video on the server's disk is named instead. */
        frames(slot) {
            const isTyped = (value) => !/^(map|data):/.test(value);
            const text = el("input.pxl-text", { type: "text", placeholder: "or a path", spellcheck: false,
                "aria-label": "A path on the machine that makes the pictures", title: slot.field.help || "" });
            const picture = fields.image({ ...slot, set: (value) => { text.value = ""; slot.set(value); } });
            text.value = isTyped(slot.get() || "") ? slot.get() || "" : "";
            text.onchange = () => { slot.set(text.value.trim() || undefined); picture.show(); };
            return el("div.pxl-stack", {}, picture, text);
        },

        flag(slot) {
            const box = el("input.pxl-switch", { type: "checkbox", role: "switch", id: slot.id });
            box.checked = slot.get() === true;
            box.onchange = () => slot.set(box.checked);
            return box;
        },

        text(slot) {
            const text = el("input.pxl-text", { type: "text", id: slot.id, value: slot.get() ?? "", spellcheck: false,
                title: slot.field.help || "" });
            text.oninput = () => slot.set(text.value.trim() || undefined);
            return text;
        },

        number(slot) {
            const { low, high, whole, default: usual, label, help = "" } = slot.field;
            const text = el("input.pxl-text", { type: "number", id: slot.id, value: slot.get() ?? "", title: help,
                step: whole ? 1 : "any" });
            const ranged = low !== undefined && high !== undefined && high < 1e6;
            const width = high - low;
            // A slider's middle is the usual value, so that small ones are in reach beside large ones.
            const bend = ranged && usual > low && usual < high ? Math.log2(width / (usual - low)) : 1;
            const tidy = (value) => (whole ? Math.round(value) : Number(value.toPrecision(3)));
            const slider = el("input.pxl-slider", { type: "range", min: 0, max: 1, step: 0.001, "aria-label": label,
                hidden: !ranged });
            const aim = (value) => {
                slider.value = ((Math.min(Math.max(value, low), high) - low) / width) ** (1 / bend);
                slider.style.setProperty("--pxl-filled", `${slider.value * 100}%`);
            };
            const commit = (value) => {
                const wrong = value < low || value > high || (whole && !Number.isInteger(value));
                const noun = whole ? "a whole number" : "a number";
                slot.say(wrong ? `${label} is ${noun}${ranged ? ` from ${low} to ${high}` : ""}` : "");
                slot.set(value);  // a wrong one is kept as written: the server says the same
            };
            text.oninput = () => {
                if (text.value === "" && usual === null) return void (slot.say(""), slot.set(undefined));
                const value = text.value === "" ? usual : Number(text.value);
                aim(value);
                commit(value);
            };
            slider.oninput = () => {
                text.value = tidy(low + width * slider.value ** bend);
                slider.style.setProperty("--pxl-filled", `${slider.value * 100}%`);
                commit(Number(text.value));
            };
            if (ranged) aim(slot.get() ?? low);
            return el("div.pxl-line", {}, text, slider);
        },

        /** Settings that are there or not; where they count only sometimes, they are there whenever they count. */
        group(slot) {
            const { panel, field } = slot;
            const always = Boolean(field.when);
            const inside = el("div.pxl-group");
            const box = el("input.pxl-switch", { type: "checkbox", role: "switch", id: slot.id, hidden: always,
                "aria-label": field.label });
            const show = () => {
                const own = isObject(slot.get()) ? slot.get() : {};
                box.checked = isObject(slot.get());
                inside.hidden = !always && !box.checked;
                const onSet = () => slot.set(always && !Object.keys(own).length ? undefined : own);
                inside.replaceChildren(...(inside.hidden ? [] : drawFields(panel, own, field.fields, onSet).nodes));
            };
            box.onchange = () => { slot.set(box.checked ? {} : undefined); show(); };
            show();
            return el("div.pxl-stack", {}, box, inside);
        },

        /** A kind, and that kind's own settings. */
        source(slot) {
            const { panel, owner, field } = slot;
            const tried = new Map();  // what the other kinds hold, for the way back
            const inside = el("div.pxl-group");
            const kinds = field.choices.filter((each) => each.built !== false);
            const select = el("select.pxl-select", { id: slot.id, title: field.help || "" },
                ...kinds.map(({ value, label, help }) => el("option", { value, title: help || "" }, label)));
            const show = () => {
                const own = owner[field.name] ?? copyOf(field.default);
                const kind = kinds.find((each) => each.value === own.kind);
                if (!kind) select.append(el("option", { value: own.kind }, String(own.kind)));
                slot.say(kind ? "" : "This choice is unknown here");
                select.value = own.kind;
                inside.replaceChildren(...drawFields(panel, own, kind?.fields ?? [], () => slot.set(own), { moving }).nodes);
            };
            const become = (source) => {
                tried.set(slot.get().kind, slot.get());
                slot.set(source);
                show();
            };
            const moving = (map) => become({ kind: "frames", path: map });
            select.onchange = () => become(tried.get(select.value) ?? { kind: select.value });
            show();
            return el("div.pxl-stack", {}, select, inside);
        },
    };

    function describe(value) {
        if (value.startsWith("map:")) return "No preview";
        return /^data:|^[A-Za-z0-9+/=\s]{200,}$/.test(value) ? "Inside the JSON" : short(value.split(/[\\/]/).pop());
    }

    const PLOT_HELP = "Strength over the steps, first to last. Click adds a key, drag or arrows move it, "
        + "double-click or Delete removes it, E changes its ease.";

    /** The plot of a curve; `put` gets the keys that the hand has made of it. */
    function drawPlot(put) {
        const line = svg("path", { class: "pxl-curve" });
        const area = svg("path", { class: "pxl-area" });
        const dots = svg("g");
        const grid = svg("path", { class: "pxl-grid", d: "M25 0V100M50 0V100M75 0V100" });
        const canvas = svg("svg", { class: "pxl-canvas" },
            svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none" }, grid, area, line), dots);
        const node = el("div.pxl-plot", { title: PLOT_HELP }, canvas,
            el("span.pxl-first", {}, "first step"), el("span.pxl-last", {}, "last step"));
        let curve = null;
        let held = -1;  // the key under the pressed pointer
        let born = 0;  // when the last key was added

        const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
        const hundredth = (value) => Math.round(value * 100) / 100;
        const keysOf = () => (curve.plain ? [] : curve.keys.map((key) => ({ ...key })));
        const newDot = () => dots.appendChild(svg("circle", { class: "pxl-key", r: 5, tabindex: 0, role: "slider",
            "aria-label": "Key", "aria-valuemin": 0, "aria-valuemax": 1 }));

        function show(given) {
            curve = given;
            const path = curvePath(curve.keys);
            line.setAttribute("d", path);
            area.setAttribute("d", `${path}V100H0Z`);
            const keys = keysOf();
            while (dots.children.length > keys.length) dots.lastChild.remove();
            keys.forEach(({ u, v, ease }, i) => {
                const dot = dots.children[i] || newDot();  // the same elements, so that the focus stays
                dot.setAttribute("cx", `${u * 100}%`);
                dot.setAttribute("cy", `${100 - v * 100}%`);
                dot.setAttribute("aria-valuenow", rounded(v));
                dot.setAttribute("aria-valuetext", `${formatShare(u)}: ${rounded(v)}, ${ease}`);
            });
        }

        function spotOf(event) {
            const box = canvas.getBoundingClientRect();
            const [x, y] = [event.clientX - box.left, event.clientY - box.top];
            const away = keysOf().map((key) => Math.hypot(key.u * box.width - x, (1 - key.v) * box.height - y));
            const near = away.findIndex((each) => each <= 10 && each === Math.min(...away));
            return { near, u: hundredth(clamp(x / box.width, 0, 1)), v: hundredth(clamp(1 - y / box.height, 0, 1)) };
        }

        function edit(change) {
            const keys = keysOf();
            change(keys);
            put(keys);
        }

        function add(u, v) {
            const keys = curve.keys.map((key) => ({ ...key }));
            const next = keys.findIndex((key) => key.u >= u);
            const at = next < 0 ? keys.length : next;
            keys.splice(at, keys[at]?.u === u ? 1 : 0, { u, v, ease: keys[at]?.ease ?? "linear" });
            if (keys.length === 1) keys.push({ ...keys[0], u: 1 });  // on the very start of a constant
            if (keys.length > MAX_KEYS) return -1;
            put(keys);
            return at;
        }

        const move = (index, u, v) => edit((keys) => {
            const low = index ? keys[index - 1].u + 0.01 : 0;
            const high = index < keys.length - 1 ? keys[index + 1].u - 0.01 : 1;
            if (low <= high) keys[index].u = rounded(clamp(u, low, high));
            keys[index].v = hundredth(clamp(v, 0, 1));
        });

        function remove(index) {
            if (dots.children.length < 2) return;
            edit((keys) => keys.splice(index, 1));
            dots.children[Math.min(index, dots.children.length - 1)]?.focus();
        }

        const turnEase = (index) => edit((keys) => {
            const names = Object.keys(EASES);
            keys[index].ease = names[(names.indexOf(keys[index].ease) + 1) % names.length];
        });

        node.onpointerdown = (event) => {
            if (event.button || !curve) return;
            const { near, u, v } = spotOf(event);
            if (near < 0) born = event.timeStamp;
            held = near < 0 ? add(u, v) : near;
            if (held < 0) return;
            event.preventDefault();
            node.setPointerCapture(event.pointerId);
            dots.children[held].focus();
        };
        node.onpointermove = (event) => {
            if (held < 0) return;
            const { u, v } = spotOf(event);
            move(held, u, v);
        };
        node.onpointerup = node.onpointercancel = () => { held = -1; };
        node.ondblclick = (event) => {
            const { near } = spotOf(event);
            if (near >= 0 && event.timeStamp - born > 600) remove(near);  // two clicks that made a key keep it
        };
        node.onkeydown = (event) => {
            const index = [...dots.children].indexOf(event.target);
            if (index < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
            const step = event.shiftKey ? 0.1 : 0.01;
            const { u, v } = keysOf()[index];
            const ways = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
            const way = ways[event.key];
            if (way) move(index, u + way[0], v + way[1]);
            else if (event.key === "Delete" || event.key === "Backspace") remove(index);
            else if (event.key === "e") turnEase(index);
            else return;
            event.preventDefault();
        };
        return { node, show };
    }

    // ---- Card: one layer -------------------------------------------------------------------------------------------

    let serial = 0;

    /** What a field's neighbour holds; a path such as motion.kind leads into a group. */
    function valueAt(owner, list, path) {
        const [name, ...rest] = path.split(".");
        const field = list.find((each) => each.name === name);
        const value = owner[name] ?? field?.default;
        return rest.length ? valueAt(value ?? {}, field?.fields ?? [], rest.join(".")) : value;
    }

    /** Whether a field counts beside its neighbours' values: one of its alternatives holds, or there are none. */
    const counts = (owner, list, { when = [] }) => !when.length || when.some((each) =>
        Object.entries(each).every(([path, values]) => values.includes(valueAt(owner, list, path))));

    /** The fields of a layer, or of a group of settings within it; each is shown where it counts. */
    function drawFields(panel, owner, list, onSet, more = {}) {
        const drawn = list.filter((field) => field.kind in fields);  // the others are kept, not drawn
        const show = () => nodes.forEach((node, i) => { node.hidden = !counts(owner, list, drawn[i]); });
        const nodes = drawn.map((field) => drawField(panel, owner, field, () => { show(); onSet(); }, more));
        show();
        return { nodes, show, drawn };
    }

    function drawField(panel, owner, field, onSet, more) {
        const { name } = field;
        const id = `pxl_${panel.tab}_${serial += 1}_${name}`;
        const error = sentence("pxl-error");
        const box = el(`div.pxl-field.pxl-is-${field.kind}`, { "data-name": name });
        const slot = {
            ...more, panel, owner, field, id, box, error,
            get: () => owner[name] ?? field.default,
            set: (value) => {
                if (value === undefined || value === field.default) delete owner[name];
                else owner[name] = value;
                onSet();
            },
            say: (text) => { error.textContent = text; box.classList.toggle("pxl-wrong", text !== ""); },
        };
        const label = el("label.pxl-label", { htmlFor: id, title: field.help || "" }, field.label);
        box.append(label, error);
        label.after(fields[field.kind](slot));
        return box;
    }

    function drawCard(panel, layer) {
        const index = () => panel.job.control.layers.indexOf(layer);
        const tools = {
            up: tool("up", "Move up (Alt+↑)", () => moveLayer(panel, layer, -1)),
            down: tool("down", "Move down (Alt+↓)", () => moveLayer(panel, layer, 1)),
            mute: tool("mute", "Mute", () => {
                if (layer.muted) delete layer.muted;
                else layer.muted = true;
                changed(panel);
            }),
            copy: tool("copy", "Duplicate", () => addLayer(panel, copyOf(layer), index() + 1)),
            remove: tool("remove", "Remove", () => removeLayer(panel, layer)),
        };
        const number = el("span.pxl-number");
        const list = panel.schema.fields;
        const parts = drawFields(panel, layer, list, onSet);
        const isPicture = ({ kind }) => kind === "image" || kind === "source";
        const side = (name, pictures) => el(`div.${name}`, {},
            ...parts.nodes.filter((_, i) => isPicture(parts.drawn[i]) === pictures));
        const title = el("span.pxl-title");
        const film = drawFilm();
        const node = el("div.pxl-card", { role: "group" },
            el("div.pxl-head", {}, number, title, el("span.pxl-muted", {}, "muted"),
                el("div.pxl-tools", {}, ...Object.values(tools))),
            el("div.pxl-sides", {}, side("pxl-pictures", true), side("pxl-settings", false)),
            film.node);

        function onSet() {
            if (!node.isConnected) panel.cards.delete(layer);  // an upload outlived the card that it was dropped on
            changed(panel);
        }

        function show() {
            const { length } = panel.job.control.layers;
            const muted = layer.muted === true;
            number.textContent = index() + 1;
            node.setAttribute("aria-label", `Layer ${index() + 1}`);
            node.classList.toggle("pxl-is-muted", muted);
            tools.mute.setAttribute("aria-pressed", muted);
            tools.mute.replaceChildren(icon(muted ? "muted" : "mute"));
            tools.up.disabled = index() === 0;
            tools.down.disabled = index() === length - 1;
            tools.copy.disabled = length >= panel.schema.max_layers;
            title.textContent = nameOf(layer, list);
            parts.show();
        }

        node.onkeydown = (event) => {
            const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
            if (!by || !event.altKey || event.target.matches("select")) return;  // Alt+↓ opens a list
            event.preventDefault();
            moveLayer(panel, layer, by);
        };
        return { node, show, film };
    }

    /** What a layer is called in its head, such as "Colour of frames". */
    function nameOf(layer, list) {
        const field = (name) => list.find((each) => each.name === name);
        const labelOf = (name, value) => field(name)?.choices?.find((each) => each.value === value)?.label;
        const mode = labelOf("mode", valueAt(layer, list, "mode")) ?? "Layer";
        const source = field("source") && counts(layer, list, field("source"))
            ? labelOf("source", (layer.source ?? field("source").default)?.kind) : null;
        const motion = field("motion") && counts(layer, list, field("motion"))
            ? field("motion").fields.find(({ name }) => name === "kind")?.choices
                .find(({ value }) => value === valueAt(layer, list, "motion.kind"))?.label : null;
        return [mode, motion, source].filter(Boolean).join(" · ");
    }

    // ---- Film strip: what each layer lets through, looked at before anything is generated --------------------------

    function drawFilm() {
        const strip = el("img.pxl-strip", { alt: "What this layer lets through, from the first step to the last",
            draggable: false });
        const note = el("p.pxl-note");
        const cells = el("div.pxl-cells", {}, strip);
        const node = el("div.pxl-film", { hidden: true }, cells, note);
        function show({ image = null, strength = [], problem = "" } = {}) {
            if (image) strip.src = image;
            cells.style.setProperty("--pxl-cells", Math.max(strength.length, 1));
            cells.hidden = !image;
            note.textContent = problem;
            note.hidden = !problem;
            node.hidden = !image && !problem;
        }
        return { node, show };
    }

    /** A number of the host's own form. */
    function hostNumber(tab, name, usual) {
        const input = page().querySelector(`#${tab}_${name} input[type=number]`);
        return Number(input?.value) || usual;
    }

    const isHalfMade = ({ source = {} }) =>
        (source.kind === "image" && !source.image) || (source.kind === "frames" && !source.path);

    /** Asks for the strips anew, a moment after the last change, where they would differ and can be seen. */
    function askFilm(panel) {
        clearTimeout(panel.filmTimer);
        panel.filmTimer = setTimeout(() => fetchFilm(panel).catch(() => {}), FILM.after);
    }

    async function fetchFilm(panel) {
        const { layers } = panel.job.control;
        if (!panel.root?.isConnected || panel.root.offsetParent === null || !layers.length) return;
        const asked = {
            program: { layers },
            width: hostNumber(panel.tab, "width", 512),
            height: hostNumber(panel.tab, "height", 512),
            steps: hostNumber(panel.tab, "steps", 20),
            columns: FILM.columns,
        };
        const text = JSON.stringify(asked);
        if (text === panel.filmed) return;
        panel.filmed = text;
        const told = await askJSON(panel, "film", "POST", asked);
        if (text !== panel.filmed) return;
        layers.forEach((layer, i) => {
            const { problem, ...strip } = told.layers[i] ?? {};
            panel.cards.get(layer)?.film.show(isHalfMade(layer) ? {} : { problem, ...strip });
        });
    }

    // ---- Layers ----------------------------------------------------------------------------------------------------

    function addLayer(panel, layer, at = Infinity) {
        const { control } = panel.job;
        if (control.layers.length >= panel.schema.max_layers) return null;
        if (!control.layers.length) control.enabled = true;
        control.layers.splice(at, 0, layer);
        changed(panel);
        const { node } = panel.cards.get(layer);
        (node.querySelector(".pxl-drop") || node.querySelector(".pxl-tool-remove")).focus();
        return node;
    }

    function moveLayer(panel, layer, by) {
        const { layers } = panel.job.control;
        const from = layers.indexOf(layer);
        if (!layers[from + by]) return;
        const held = document.activeElement;
        layers.splice(from + by, 0, ...layers.splice(from, 1));
        changed(panel);
        const { node } = panel.cards.get(layer);
        if (held.disabled) node.querySelector(by < 0 ? ".pxl-tool-down" : ".pxl-tool-up").focus();
        node.scrollIntoView({ block: "nearest" });
    }

    function removeLayer(panel, layer) {
        const { layers } = panel.job.control;
        const at = layers.indexOf(layer);
        layers.splice(at, 1);
        changed(panel);
        const next = panel.cards.get(layers[at] || layers[at - 1])?.node.querySelector(".pxl-tool-remove");
        (next || panel.view.add).focus();
        panel.undo.offer("Layer removed.", () => { panel.job.control.layers.splice(at, 0, layer); });
    }

    // ---- Extras: what belongs to the whole job, and how its last picture formed ------------------------------------

    function drawExtras(panel) {
        const list = panel.schema.control.filter(({ tab }) => !tab || tab === panel.tab);
        const inside = el("div.pxl-settings");
        const node = el("details.pxl-fold", { hidden: !list.length }, el("summary", {}, "Animation and steps"), inside);
        let owner = null;
        let parts = null;

        function show() {
            const { control } = panel.job;
            if (owner !== control) {
                owner = control;
                parts = drawFields(panel, control, list, () => {
                    if (!control.layers.length) control.enabled = true;
                    changed(panel);
                });
                inside.replaceChildren(...parts.nodes);
                node.open ||= list.some(({ name }) => control[name] !== undefined);
            }
            parts.show();
        }
        return { node, show };
    }

    function drawFormed(panel) {
        const film = el("img.pxl-formed-film", { alt: "How the last picture formed, step by step" });
        const strip = el("img.pxl-strip", { alt: "The same steps side by side" });
        const save = el("a.pxl-button", { download: "pxl-formed.gif" }, "Save GIF");
        const node = el("figure.pxl-formed", { hidden: true }, film, el("div.pxl-stack", {}, strip,
            el("p.pxl-note", {}, "First step to last: what the model had in mind, and below it what the layers made of it."),
            save, tool("clear", "Close", () => { node.hidden = true; })));
        const urls = [];

        async function refresh(task) {
            const whose = new URLSearchParams(task && { task });
            const asked = [`film.gif?${whose}`, `strip.webp?columns=${FILM.columns}&${whose}`].map((name) =>
                ask(panel, `formed/${encodeURIComponent(panel.tab)}/${name}`).then((answer) => answer.blob()));
            const blobs = await Promise.all(asked);
            urls.splice(0).forEach((url) => URL.revokeObjectURL(url));
            urls.push(...blobs.map((blob) => URL.createObjectURL(blob)));
            [film.src, strip.src] = urls;
            save.href = film.src;
            node.hidden = false;
        }
        return { node, refresh: (task) => refresh(task).catch(() => { node.hidden = true; }) };
    }

    // ---- Panel -----------------------------------------------------------------------------------------------------

    function makePanel(tab) {
        const panel = {
            tab, key: "", schema: null, job: parseJob({}), text: "", area: null, pending: false,
            root: null, view: null, cards: new Map(), jobs: 0, task: "", turn: 0, filmTimer: 0, filmed: "",
        };
        panel.undo = undoBar(() => panel.view.add, () => changed(panel));
        return panel;
    }

    function drawPanel(panel, root) {
        panel.root = root;
        panel.key = root.dataset.key || "";
        panel.schema = { fields: [], control: [], switches: [], max_layers: 8, ...JSON.parse(root.dataset.schema) };
        panel.cards.clear();
        const view = panel.view = {
            switches: panel.schema.switches.map((each) => drawSwitch(panel, each)),
            layers: el("div.pxl-layers"),
            add: el("button.pxl-add", { type: "button", onclick: () => addLayer(panel, newLayer()) },
                icon("add"), el("span", {}, "Add a layer"), el("small", {}, "or drop or paste a picture here")),
            full: el("p.pxl-note", {}, `A program holds at most ${panel.schema.max_layers} layers.`),
            status: sentence("pxl-status"),
            formed: drawFormed(panel),
            extras: drawExtras(panel),
            presets: drawPresets(panel),
            raw: drawRaw(panel),
        };
        root.replaceChildren(el("div.pxl-editor", {},
            el("div.pxl-switches", {}, ...view.switches.flatMap((each) => each.nodes)),
            view.status, view.formed.node, view.layers, view.add, view.full, panel.undo.node, view.extras.node,
            el("div.pxl-foot", {}, view.presets.node, view.raw.node)));
        root.onkeydown = panel.undo.hear;
        takeDrops(panel, root);
        show(panel);
        whenSeen(root, () => {
            view.presets.refresh();
            askStatus(panel).catch(() => {});
        }, true);
        whenSeen(root, () => askFilm(panel));
    }

    function whenSeen(node, act, once = false) {  // a closed accordion asks the server for nothing
        new IntersectionObserver((entries, observer) => {
            if (!entries.some((entry) => entry.isIntersecting)) return;
            if (once) observer.disconnect();
            act();
        }).observe(node);
    }

    function drawSwitch(panel, { name, label, help = "", built, flags = [] }) {
        const off = built === false;
        const held = () => {
            const said = panel.job[name] ?? SWITCHES[name];
            return { enabled: SWITCHES[name], ...(isObject(said) ? said : { enabled: said }) };
        };
        const put = (said) => {
            if (name === "control") panel.job.control.enabled = said.enabled;
            else panel.job[name] = Object.keys(said).length > 1 ? said : said.enabled;
            changed(panel);
        };
        const drawBox = (id, text, title, act) => {
            const box = el("input.pxl-switch", { type: "checkbox", role: "switch", id, disabled: off });
            box.onchange = () => act(box.checked);
            return { box, label: el("label.pxl-switch-label", { title }, box, el("span", {}, text)) };
        };
        const id = `pxl_${panel.tab}_${name}`;
        const ticked = () => flags.filter((flag) => held()[flag.name] === true).map((flag) => [flag.name, true]);
        const main = drawBox(id, label, help, (enabled) => put({ enabled, ...Object.fromEntries(ticked()) }));
        if (off) main.label.append(el("small", {}, "not built yet"));
        const beside = flags.map((flag) => drawBox(`${id}_${flag.name}`, flag.label, flag.help, (isOn) => {
            const { [flag.name]: before, ...more } = held();
            put(isOn ? { ...more, [flag.name]: true } : more);
        }));

        function show() {
            const said = held();
            main.box.checked = !off && said.enabled === true;
            flags.forEach((flag, i) => {
                beside[i].box.checked = said[flag.name] === true;
                beside[i].label.hidden = !main.box.checked;
            });
        }
        return { nodes: [main.label, ...beside.map((each) => each.label)], show };
    }

    /** Draws what the job holds; elements that still fit stay, and so does the focus. */
    function show(panel) {
        const { view, cards } = panel;
        if (!view) return;
        const { layers, enabled } = panel.job.control;
        for (const layer of cards.keys()) if (!layers.includes(layer)) cards.delete(layer);
        for (const layer of layers) if (!cards.has(layer)) cards.set(layer, drawCard(panel, layer));
        const nodes = layers.map((layer) => cards.get(layer).node);
        if (nodes.length !== view.layers.children.length || nodes.some((node, i) => node !== view.layers.children[i])) {
            const held = document.activeElement;
            view.layers.replaceChildren(...nodes);
            if (view.layers.contains(held)) held.focus();
        }
        for (const each of [...view.switches, ...cards.values(), view.extras, view.raw]) each.show();
        view.layers.classList.toggle("pxl-off", !enabled);
        view.add.hidden = layers.length >= panel.schema.max_layers;
        view.add.classList.toggle("pxl-first-add", !layers.length);
        view.full.hidden = !view.add.hidden;
        page().querySelector(`#pxl_${panel.tab}_accordion`)?.toggleAttribute("data-pxl-on", enabled === true);
        askFilm(panel);
    }

    function changed(panel) {
        write(panel);
        show(panel);
    }

    function write(panel) {
        const text = formatJob(panel.job);
        if (text === panel.text && !panel.pending) return;
        panel.text = text;
        panel.pending = !panel.area?.isConnected;
        if (!panel.pending && panel.area.value !== text) writeInto(panel.area, text);
    }

    /** Takes over what the server, or a paste, put into the hidden field. */
    function readField(panel) {
        const text = panel.area?.isConnected ? panel.area.value : panel.text;
        if (text === panel.text) return;
        panel.text = text;
        try {
            const data = text.trim() ? JSON.parse(text) : {};
            // A picture says nothing of whether it was recorded: pasting one leaves this person's own switch alone.
            const kept = panel.job.record && !("record" in data) ? { record: true } : {};
            // Switches alone wipe no work.
            const partial = isObject(data.control) && !("layers" in data.control);
            const { control } = panel.job;
            panel.job = parseJob(partial ? { ...panel.job, ...data, control: { ...control, ...data.control } }
                : isObject(data) ? { ...kept, ...data } : data);
            say(panel, "");
            if (partial || kept.record) write(panel);
        } catch {
            say(panel, "What was pasted is no pxl job, so the panel was left as it was.");
            write(panel);
        }
        show(panel);
    }

    function say(panel, text) {
        if (panel.view) panel.view.status.textContent = text;
    }

    /** Puts other data in place of this job, with a way back. */
    function replaceJob(panel, data, text) {
        const before = panel.job;
        panel.job = parseJob(copyOf(data));
        changed(panel);
        panel.undo.offer(text, () => { panel.job = before; });
    }

    /** An act that says in `error` what went wrong. */
    const guarded = (error, act) => async () => {
        error.textContent = "";
        await act().catch((problem) => { error.textContent = problem.message; });
    };

    function drawPresets(panel) {
        const error = sentence("pxl-error");
        const list = el("select.pxl-select", { "aria-label": "Preset", id: `pxl_${panel.tab}_preset` });
        const name = el("input.pxl-text",
            { type: "text", placeholder: "Name", "aria-label": "Name of the preset", maxLength: 80 });
        const path = (preset) => `presets/${encodeURIComponent(preset)}`;
        let names = [];
        let builtIn = [];

        function show() {
            const typed = name.value.trim();
            load.disabled = !list.value;
            remove.disabled = !list.value || builtIn.includes(list.value);
            save.disabled = !typed;
            save.textContent = names.includes(typed) && !builtIn.includes(typed) ? "Replace" : "Save";
        }

        async function fetchNames(chosen = list.value) {
            ({ presets: names, built_in: builtIn = [] } = await askJSON(panel, "presets"));
            const group = (label, some) => el("optgroup", { label, hidden: !some.length },
                ...some.map((each) => el("option", { value: each }, each)));
            list.replaceChildren(el("option", { value: "" }, names.length ? "Presets" : "No presets yet"),
                group("Yours", names.filter((each) => !builtIn.includes(each))), group("Come with pxl", builtIn));
            list.value = names.includes(chosen) ? chosen : "";
            show();
        }

        async function put(preset, program) {
            await ask(panel, path(preset), "PUT", program);
            await fetchNames(preset);
        }

        const load = button("Load", guarded(error, async () => {
            const program = await askJSON(panel, path(list.value));
            const { layers, inner, ...rest } = panel.job.control;
            replaceJob(panel, { ...panel.job, control: { ...rest, ...program, enabled: true } }, "Preset loaded.");
        }));
        const save = button("Save", guarded(error, async () => {
            const { layers, inner } = panel.job.control;
            await put(name.value.trim(), inner ? { layers, inner } : { layers });
            openName(false);
        }));
        const remove = button("Delete", guarded(error, async () => {
            const preset = list.value;
            const program = await askJSON(panel, path(preset));
            await ask(panel, path(preset), "DELETE");
            await fetchNames();
            panel.undo.offer("Preset deleted.", guarded(error, () => put(preset, program)));
        }));
        const saveAs = button("Save as…", () => openName(true));
        const choosing = el("div.pxl-line", {}, list, load, saveAs, remove);
        const naming = el("div.pxl-line", { hidden: true }, name, save, button("Cancel", () => openName(false)));

        function openName(open) {
            naming.hidden = !open;
            choosing.hidden = open;
            name.value = open ? list.value : "";
            show();
            (open ? name : saveAs).focus();
            name.select();
        }

        name.oninput = list.onchange = show;
        name.onkeydown = (event) => {
            if (event.ctrlKey || event.metaKey || event.altKey) return;
            if (event.key === "Enter") save.click();
            if (event.key !== "Escape") return;
            event.stopPropagation();  // the hosts interrupt the running job on Escape
            openName(false);
        };
        list.append(el("option", { value: "" }, "Presets"));
        show();
        const node = el("div.pxl-presets", {}, choosing, naming, error);
        return { node, refresh: guarded(error, () => fetchNames()) };
    }

    function readJSON(text) {
        try {
            return JSON.parse(text);
        } catch (problem) {
            throw new Error(`That is no JSON: ${problem.message}`);
        }
    }

    function drawRaw(panel) {
        const error = sentence("pxl-error");
        const text = el("textarea.pxl-json", { rows: 8, spellcheck: false, "aria-label": "The job as JSON" });
        const copy = button("Copy JSON", () => {
            text.select();
            return copyText(text.value);
        });
        const apply = button("Apply JSON", guarded(error, async () => {
            const data = readJSON(text.value.trim() || "{}");
            const answer = await askJSON(panel, "program/check", "POST", data);
            if (!answer.ok) throw new Error(answer.error);
            edited = false;
            replaceJob(panel, asJob(data), "JSON applied.");
        }));
        const node = el("details.pxl-fold.pxl-raw", {},
            el("summary", {}, "JSON"), text, el("div.pxl-line", {}, copy, apply), error);
        let edited = false;
        const show = () => { if (node.open && !edited) text.value = JSON.stringify(panel.job, null, 2); };
        text.oninput = () => { edited = true; };
        node.ontoggle = () => { edited = false; error.textContent = ""; show(); };
        return { node, show };
    }

    // ---- Page: mounting, dropping, pasting, the host's button ------------------------------------------------------

    function takeDrops(panel, root) {
        let clear = 0;
        root.ondragover = (event) => {
            if (!carriesPicture(event.dataTransfer)) return;
            event.preventDefault();
            event.stopPropagation();  // A1111 1.10.1's own handler (dragdrop.js) trips over SVG elements
            event.dataTransfer.dropEffect = "copy";
            const over = zoneAt(event.target) || panel.view.add;
            for (const each of root.querySelectorAll(".pxl-over")) if (each !== over) each.classList.remove("pxl-over");
            over.classList.add("pxl-over");
            clearTimeout(clear);
            clear = setTimeout(() => over.classList.remove("pxl-over"), 400);
        };
        root.ondrop = (event) => {
            if (!carriesPicture(event.dataTransfer)) return;
            event.preventDefault();
            event.stopPropagation();
            giveTo(panel, event.target, pictureIn(event.dataTransfer));
        };
    }

    function onPaste(event) {
        const { clipboardData: data, target } = event;
        if (!data?.files.length) return;
        const elsewhere = target.matches?.("textarea, input") && !target.closest(".pxl-panel");
        if (elsewhere && data.types.includes("text/plain")) return;
        for (const panel of panels.values()) {
            const find = (selector) => panel.root?.querySelector(selector);
            const place = find(".pxl-drop:hover, .pxl-add:hover") || find(".pxl-drop:focus")
                || find(".pxl-card:hover, .pxl-card:focus-within, .pxl-add:focus");
            if (!place) continue;
            event.preventDefault();
            event.stopPropagation();  // or the host would put it into a picture field of its own as well
            giveTo(panel, place, pictureIn(data));
            return;
        }
    }

    /** The name that the hosts' page gives to what its button started, until that has ended; the studio's gives none. */
    function hostTask({ tab }) {
        try {
            return localStorage.getItem(`${tab}_task_id`) || "";
        } catch {
            return "";  // a browser that keeps nothing
        }
    }

    /** The task that the button has started just now, which the hosts name after our own handler. */
    async function newTask(panel) {
        const before = hostTask(panel);
        for (let i = 0; i < 10; i += 1) {
            await new Promise((resume) => { setTimeout(resume, 50); });
            if (hostTask(panel) !== before) return hostTask(panel);
        }
        return "";
    }

    /** Asks how the last job of the tab, or of a task, ended and says so if it is news; true where no more is to come. */
    async function askStatus(panel, task = "") {
        const status = await askJSON(panel, `status?${new URLSearchParams({ tab: panel.tab, ...(task && { task }) })}`);
        const news = status.jobs > (task === panel.task ? panel.jobs : 0);
        if (news) say(panel, status.error || "");
        if (news && panel.job.control.trace) panel.view?.formed.refresh(task);
        Object.assign(panel, { task, jobs: status.jobs });
        return task ? status.jobs > 0 && hostTask(panel) !== task : news;
    }

    /** After the host's generate button: waits for the job to end, however fast it was. */
    async function watchJob(panel) {
        const turn = panel.turn += 1;
        const began = Date.now();
        const task = await newTask(panel);
        if (!task) await askStatus(panel).catch(() => {});  // an earlier job, of the API perhaps, or already this one
        while (turn === panel.turn && Date.now() - began < POLL.atMost) {
            const wait = Date.now() - began < POLL.often ? POLL.every : 10 * POLL.every;  // the host's job may have died
            await new Promise((resume) => { setTimeout(resume, wait); });
            if (!document.hidden && turn === panel.turn && await askStatus(panel, task).catch(() => true)) return;
        }
    }

    function onClick(event) {
        const tab = /^(.+)_generate$/.exec(event.target.closest?.("[id$=_generate]")?.id)?.[1];
        if (panels.has(tab)) watchJob(panels.get(tab));
    }

    function onInput(event) {  // the strip is drawn for the host's own size and steps
        const tab = /^(.+)_(?:width|height|steps)$/.exec(event.target.closest?.("[id$=_width], [id$=_height], [id$=_steps]")?.id)?.[1];
        if (panels.has(tab)) askFilm(panels.get(tab));
    }

    function connect(panel) {
        const id = `#pxl_${panel.tab}_job`;
        const area = page().querySelector(`${id} textarea, ${id} input`);
        if (!area || (area === panel.area && !panel.pending)) return;
        panel.area = area;
        if (panel.pending) write(panel);
        else readField(panel);
    }

    function scan() {
        for (const root of page().querySelectorAll(".pxl-panel[data-tab]")) {
            const { tab } = root.dataset;
            if (!panels.has(tab)) panels.set(tab, makePanel(tab));
            const panel = panels.get(tab);
            const drawn = root === panel.root && root.querySelector(".pxl-editor");
            const leaving = root !== panel.root && panel.root?.isConnected;  // gradio is still taking the old one away
            if (!drawn && !leaving) drawPanel(panel, root);
        }
        for (const panel of panels.values()) connect(panel);
        for (const look of scans) look();
    }

    const scans = [];  // what other files do when the page has changed
    let scanning = 0;
    new MutationObserver(() => {
        scanning ||= setTimeout(() => { scanning = 0; scan(); }, 50);
    }).observe(document, { childList: true, subtree: true });
    document.addEventListener("click", onClick, true);
    document.addEventListener("input", onInput, true);
    document.addEventListener("paste", onPaste, true);

    window.pxl = {
        /** The server changed the hidden field of a tab: read it again and redraw. */
        read(tab) {
            const panel = panels.get(tab);
            if (!panel) return;
            connect(panel);
            readField(panel);
            setTimeout(() => readField(panel));  // gradio may tell before its own element has the text
        },
        /** A copy of a tab's job. */
        job: (tab) => (panels.has(tab) ? copyOf(panels.get(tab).job) : null),
        /** Records every picture of a tab from now on. */
        record(tab) {
            const panel = panels.get(tab);
            if (!panel) return;
            panel.job.record = true;
            changed(panel);
        },
        /** A new layer with the picture at an address of this page. */
        async add(tab, address) {
            if (!address) return;
            const accordion = page().querySelector(`#pxl_${tab}_accordion`);
            accordion?.querySelector(":scope > button.label-wrap:not(.open)")?.click();
            for (let i = 0; i < 60 && !panels.get(tab)?.root; i += 1) {  // gradio draws what is inside once it is open
                await new Promise((resume) => { setTimeout(resume, 50); });
            }
            const panel = panels.get(tab);
            if (!panel?.root) return;
            giveTo(panel, panel.root, fetch(address).then((answer) => answer.blob()));
        },
        parseCurve,
        fields,
        /** What the other files of this folder share; `panel` is there an object with a tab and a key. */
        kit: {
            page, el, svg, icon, tool, button, sentence, undoBar, copyText, writeInto, short, ask, askJSON, carriesPicture,
            pictureIn, checkPicture, drawFields, whenSeen, showTab,
            /** Calls a function now, and whenever the page has changed. */
            onScan(look) {
                scans.push(look);
                look();
            },
        },
    };
    scan();
})();
