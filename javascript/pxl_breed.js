/* pxl: the Breed tab, where nokens are made, bred, looked at and sent into prompts.

   The page holds <div class="pxl-panel pxl-breed" data-key>; elements, fields, server and undo are pxl.js's. There is one
   such place, so what it shows is kept here, and outlives the place when gradio makes that anew.
   Sections: Names, Telling, Pool, Pictures, Cards, Choosing, Acts, Prompts, New, Details, Tree, Work, Evolve, Keys,
   Page. Names and words come from outside: they reach the page as text, never as markup. */
(() => {
    "use strict";
    if (!window.pxl || window.pxl.breed) return;
    const { el, svg, icon, button, sentence, ask, askJSON, drawFields, ...kit } = window.pxl.kit;

    const PAGE = 200;  // nokens that are asked for at once
    const POLL = 1000;
    const TREE = { most: 240, width: 84, height: 104, across: 18, down: 44 };
    const DRAGGED = "application/x-pxl-noken";
    const RESERVED = /[<>~@]/;  // what ends a name inside a prompt
    const FAMILIES = { "l768": "SD1", "h1024": "SD2", "l768+g1280": "SDXL" };
    const PROMPTS = ["txt2img", "img2img"];

    const at = { tab: "breed", key: "" };
    const pool = { learnt: false, family: "", total: 0, fetched: 0, order: [], cards: new Map(), methods: [], scores: [],
        edits: 0 };
    const nodes = new Map();  // hash -> the card in the grid
    const chosen = new Set();  // hashes, in the order in which they were picked
    let current = null;  // the hash that the keyboard stands on

    // ---- Names -----------------------------------------------------------------------------------------------------

    const card = (hash) => pool.cards.get(hash);
    const known = (hash) => (pool.cards.has(hash) ? nameOf(card(hash)) : hash.slice(0, 8));
    const nameOf = ({ name, hash }) => name || hash.slice(0, 8);
    const wordOf = ({ name, hash }) => (name && !RESERVED.test(name) ? name : hash.slice(0, 12));
    const familyOf = ({ family }) => FAMILIES[family] ?? family;
    const isMisfit = ({ fits }) => Boolean(pool.family) && !fits;
    const path = (hash, rest = "") => `nokens/${encodeURIComponent(hash)}${rest}`;
    const percent = (share) => `${Math.round(share * 100)} %`;
    const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;
    const listed = (names) => (names.length > 3 ? `${names.slice(0, 2).join(", ")} and ${names.length - 2} more`
        : names.join(" and "));

    /** How a noken came to be, in one sentence. */
    function originOf({ operator, parents, amounts, seed }) {
        const from = seed === null || seed === undefined ? "" : `, seed ${seed}`;
        const names = parents.map(known);
        if (operator === "mutate") return `Turned from ${names[0]} by ${amounts.map(Math.round)}°${from}`;
        if (!parents.length) return "Made here or brought in";
        const method = pool.methods.find(({ value }) => value === operator)?.label ?? operator;
        const parts = names.map((name, i) => (amounts.length === names.length ? `${name} ${percent(amounts[i])}` : name));
        return `${method} of ${listed(parts)}${from}`;
    }

    // ---- Telling: what went well, and what did not -----------------------------------------------------------------

    function say(text, ...more) {
        view.said.replaceChildren(text, ...more);
    }

    function complain(problem, again) {
        view.error.replaceChildren(problem.message, ...(again ? [button("Try again", again)] : []));
    }

    let busy = 0;

    /** Runs an act; what went wrong is told in one line, with a way to try again where the server was silent. */
    async function run(act) {
        view.error.replaceChildren();
        busy += 1;
        view.root.classList.add("pxl-busy");
        try {
            return await act();
        } catch (problem) {
            complain(problem, problem.silent ? () => run(act) : null);
            return null;
        } finally {
            busy -= 1;
            view.root.classList.toggle("pxl-busy", busy > 0);
        }
    }

    /** What nobody asked for by a click leaves the line alone as long as it goes well. */
    const quietly = (act) => act().catch((problem) => complain(problem, problem.silent ? () => run(act) : null));

    // ---- Pool: what the server holds, the newest first -------------------------------------------------------------

    const fetchPage = (offset) => askJSON(at, `nokens?limit=${PAGE}&offset=${offset}`);

    function learn({ family, total, methods, scores = [] }) {
        Object.assign(pool, { family, total, methods, scores, learnt: true });
        view.breeding.learn();
        view.evolve.learn();
    }

    let line = Promise.resolve();
    const inLine = (act) => {  // two that fetch at once would count a page twice
        line = line.then(act, act);
        return line;
    };
    const refresh = () => inLine(fetchAgain);
    const fill = () => inLine(fetchMore);

    /** Asks anew for all that has been fetched so far; once more where something was done meanwhile. */
    async function fetchAgain() {
        const before = pool.edits;
        const wanted = Math.max(PAGE, pool.fetched);
        const found = [];
        let told = { nokens: [] };
        do {
            told = await fetchPage(found.length);
            found.push(...told.nokens);
        } while (told.nokens.length && found.length < Math.min(wanted, told.total));
        if (before !== pool.edits) return void await fetchAgain();
        learn(told);
        pool.fetched = found.length;
        pool.order = found.map(put);
        const gone = (hash) => !card(hash).deleted && !pool.order.includes(hash);
        if (found.length >= told.total) for (const hash of [...chosen].filter(gone)) chosen.delete(hash);
        show();
        await fetchMore();
    }

    /** Fetches further pages as long as the end of the grid is in sight. */
    async function fetchMore() {
        while (pool.fetched < pool.total && view.grid.isEndSeen()) {
            const before = pool.edits;
            const told = await fetchPage(pool.fetched);
            if (before !== pool.edits) continue;
            if (!told.nokens.length) break;
            learn(told);
            pool.fetched += told.nokens.length;
            const here = new Set(pool.order);
            pool.order.push(...told.nokens.map(put).filter((hash) => !here.has(hash)));
            show();
        }
    }

    function put(given) {
        pool.cards.set(given.hash, given);
        nodes.get(given.hash)?.show();
        return given.hash;
    }

    /** New ones come to the front, chosen; the newest first, as when they are fetched anew. */
    function welcome(cards) {
        const wasHere = ({ hash }) => pool.order.includes(hash) && !card(hash).deleted;
        const fresh = cards.filter((each) => !wasHere(each));
        const hashes = cards.map(put);
        pool.edits += 1;
        pool.fetched += fresh.length;
        pool.total += fresh.length;
        pool.order = [...[...hashes].reverse(), ...pool.order.filter((hash) => !hashes.includes(hash))];
        choose(hashes);
        view.grid.toStart();
    }

    function mark(hashes, deleted) {
        pool.edits += 1;
        for (const hash of hashes) {
            const by = Number(Boolean(card(hash).deleted)) - Number(Boolean(deleted));
            pool.total += by;
            pool.fetched += by;
            put({ ...card(hash), deleted });
        }
        show();
    }

    async function update(hash, change) {
        const told = await askJSON(at, path(hash), "PATCH", change);
        pool.edits += 1;
        put(told);
        show();
    }

    /** Learns of one that is on no page yet, and gives what else the server says of it: its nearest words. */
    async function meet(hash) {
        const { words, ...of } = await askJSON(at, path(hash));
        put(of);
        return words;
    }

    // ---- Pictures: thumbnails, fetched with the page's key when they come into sight -------------------------------

    const pictures = new Map();  // hash -> {address, url}, url a promise of a blob's

    function pictureOf({ hash, thumbnail }) {
        const held = pictures.get(hash);
        if (held?.address === thumbnail) return held.url;
        held?.url.then(URL.revokeObjectURL, () => {});
        const asked = ask(at, thumbnail.replace(/^\/pxl\/v1\//, "")).then((answer) => answer.blob());
        const url = asked.then(URL.createObjectURL);
        pictures.set(hash, { address: thumbnail, url });
        url.catch(() => pictures.delete(hash));
        return url;
    }

    /** A calm ground of two colours that only this hash has, for one without a picture. */
    function groundOf(hash) {
        const [hue, apart, x, y, angle] = [0, 2, 4, 6, 8].map((place) => parseInt(hash.slice(place, place + 2), 16) / 255);
        return `--pxl-hue: ${Math.round(hue * 360)}; --pxl-other: ${Math.round(hue * 360 + 40 + apart * 80)}; `
            + `--pxl-x: ${Math.round(15 + x * 70)}%; --pxl-y: ${Math.round(15 + y * 70)}%; `
            + `--pxl-angle: ${Math.round(angle * 360)}deg`;
    }

    const whenNear = new Map();  // node -> what to do once it comes into sight
    const near = new IntersectionObserver((entries) => {
        for (const { isIntersecting, target } of entries) {
            if (!isIntersecting) continue;
            near.unobserve(target);
            whenNear.get(target)?.();
            whenNear.delete(target);
        }
    }, { rootMargin: "300px" });

    /** A face: the ground, and over it the picture of whichever card it is shown. */
    function drawFace() {
        const image = el("img.pxl-face-image", { alt: "", draggable: false, hidden: true });
        const node = el("div.pxl-face", {}, image);
        let address = null;

        function show(of) {
            node.style.cssText = groundOf(of.hash);
            if (of.thumbnail === address) return;
            address = of.thumbnail;
            image.hidden = true;
            if (!address) return;
            whenNear.set(node, () => pictureOf(of).then((url) => {
                if (of.thumbnail !== address) return;
                image.src = url;
                image.hidden = false;
            }).catch(() => {}));  // the ground has to do
            near.observe(node);
        }
        return { node, show };
    }

    // ---- Cards -----------------------------------------------------------------------------------------------------

    const STAR = "M12 4l2.5 5.2 5.7.8-4.1 4 1 5.7-5.1-2.7-5.1 2.7 1-5.7-4.1-4 5.7-.8z";
    const glyph = (d) => svg("svg", { class: "pxl-icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d }));

    function drawCard(hash) {
        const face = drawFace();
        const tick = el("span.pxl-tick", { title: "Add to the selection (Space)" }, glyph("M6 12l4 4 8-9"));
        const star = el("span.pxl-star", { title: "Keep (K)" }, glyph(STAR));
        const misfit = el("span.pxl-misfit");
        const name = el("span.pxl-noken-name");
        const badge = el("span.pxl-badge");
        const facts = el("span.pxl-noken-facts", {}, el("span"), badge);
        face.node.append(tick, star);
        const node = el("div.pxl-noken", { role: "option", tabIndex: -1, draggable: true },
            face.node, name, facts, misfit);
        node.dataset.hash = hash;

        function show() {
            const of = card(hash);
            const age = of.generation ? `gen ${of.generation}` : "new";
            face.show(of);
            name.textContent = nameOf(of);
            name.title = nameOf(of);
            name.classList.toggle("pxl-unnamed", !of.name);
            facts.firstChild.textContent = of.tokens > 1 ? `${age} ×${of.tokens}` : age;
            facts.title = plural(of.tokens, "token");
            badge.textContent = familyOf(of);
            badge.title = of.family;
            misfit.textContent = isMisfit(of) ? `For ${familyOf(of)}, not this model` : "";
            node.classList.toggle("pxl-is-misfit", isMisfit(of));
            node.classList.toggle("pxl-is-kept", of.kept);
            const told = [nameOf(of), `generation ${of.generation}`, familyOf(of), of.kept && "kept",
                isMisfit(of) && "does not fit the model"];
            node.setAttribute("aria-label", told.filter(Boolean).join(", "));
        }

        function rename() {
            node.draggable = false;
            editName(hash, name, (held) => {
                node.draggable = true;
                if (held) node.focus();
            });
        }

        node.onclick = (event) => {
            if (event.target.matches("input")) return;
            current = hash;
            if (event.shiftKey) remove([hash]);
            else if (event.ctrlKey || event.metaKey || tick.contains(event.target)) toggle(hash);
            else if (star.contains(event.target)) keep([hash]);
            else choose([hash]);
        };
        node.onmousedown = (event) => { if (event.shiftKey) event.preventDefault(); };  // or text would be marked
        node.ondblclick = (event) => {
            if (!event.ctrlKey && !event.shiftKey && !tick.contains(event.target) && !star.contains(event.target)) rename();
        };
        node.onfocus = () => { current = hash; rove(); };
        takeCards(node, hash);
        show();
        return { node, show, rename };
    }

    /** Writes a new name in the place where the old one stands; `done` hears whether the focus was there. */
    function editName(hash, place, done) {
        const field = el("input.pxl-text", { type: "text", value: card(hash).name, maxLength: 80,
            "aria-label": `Name of ${known(hash)}` });
        const close = (commit) => {
            const held = document.activeElement === field;
            const wanted = field.value.trim();
            field.onblur = null;
            field.replaceWith(place);
            done(held);
            if (commit && wanted !== card(hash).name) run(() => update(hash, { name: wanted }));
        };
        field.onblur = () => close(true);
        field.onkeydown = (event) => {
            event.stopPropagation();  // the hosts interrupt the running job on Escape
            if (event.key === "Enter" || event.key === "Escape") close(event.key === "Enter");
        };
        place.replaceWith(field);
        field.focus();
        field.select();
    }

    /** A card is dragged with all that are chosen beside it; let go over another one, they are bred.

       Let go over one of the chosen, it is these two alone: a new litter is chosen whole. */
    function takeCards(node, hash) {
        const isOurs = (event) => event.dataTransfer.types.includes(DRAGGED);
        node.ondragstart = (event) => {
            const hashes = chosen.has(hash) ? [...chosen] : [hash];
            event.dataTransfer.effectAllowed = "copy";
            event.dataTransfer.setData(DRAGGED, JSON.stringify({ held: hash, along: hashes }));
            event.dataTransfer.setData("text/plain", hashes.map((each) => `<noken:${wordOf(card(each))}>`).join(" "));
        };
        node.ondragover = (event) => {
            if (!isOurs(event)) return;
            event.preventDefault();
            event.stopPropagation();
            node.classList.add("pxl-over");
        };
        node.ondragleave = (event) => { if (!node.contains(event.relatedTarget)) node.classList.remove("pxl-over"); };
        node.ondrop = (event) => {
            if (!isOurs(event)) return;
            event.preventDefault();
            event.stopPropagation();
            node.classList.remove("pxl-over");
            const { held, along } = JSON.parse(event.dataTransfer.getData(DRAGGED));
            const parents = along.includes(hash) ? [held, hash] : [...along, hash];
            if (held !== hash) breed(parents);
        };
    }

    function drawGrid() {
        const cards = el("div.pxl-nokens", { role: "listbox", "aria-label": "Nokens", "aria-multiselectable": true });
        const end = el("div.pxl-end");
        const empty = el("p.pxl-note.pxl-empty");
        const node = el("div.pxl-pool", {}, cards, empty, end);

        function show() {
            const wanted = pool.order.filter((hash) => !card(hash).deleted && view.filter.admits(card(hash)));
            const held = document.activeElement;
            for (const hash of wanted) if (!nodes.has(hash)) nodes.set(hash, drawCard(hash));
            const kept = new Set(wanted.map((hash) => nodes.get(hash).node));
            for (const each of [...cards.children]) if (!kept.has(each)) each.remove();
            wanted.forEach((hash, i) => {
                const each = nodes.get(hash).node;
                if (cards.children[i] !== each) cards.insertBefore(each, cards.children[i] ?? null);
                each.setAttribute("aria-selected", chosen.has(hash));
            });
            if (held !== document.activeElement && cards.contains(held)) held.focus();
            empty.textContent = pool.total ? "No noken matches." : EMPTY;
            empty.hidden = !pool.learnt || wanted.length > 0;
            rove();
        }

        function isEndSeen() {
            const box = node.getBoundingClientRect();
            const { top } = end.getBoundingClientRect();
            return node.offsetParent !== null && top < Math.min(box.bottom, window.innerHeight) + 300;
        }

        new IntersectionObserver((entries) => {
            if (entries.some((entry) => entry.isIntersecting) && pool.fetched) quietly(fill);
        }, { rootMargin: "300px" }).observe(end);
        const columns = () => getComputedStyle(cards).gridTemplateColumns.split(" ").length;
        return { node, cards, show, isEndSeen, columns, toStart: () => { node.scrollTop = 0; } };
    }

    const EMPTY = "Nothing here yet. Make the first ones above from a prompt, from words or at random, or drop a picture "
        + "or an embedding here.";

    /** The one card that the Tab key comes to. */
    function rove() {
        const shown = [...view.grid.cards.children];
        const stop = shown.includes(nodes.get(current)?.node) ? nodes.get(current).node : shown[0];
        for (const each of shown) each.tabIndex = each === stop ? 0 : -1;
        current = stop?.dataset.hash ?? null;
    }

    // ---- Choosing --------------------------------------------------------------------------------------------------

    function choose(hashes) {
        chosen.clear();
        for (const hash of hashes) chosen.add(hash);
        if (hashes.length) [current] = hashes;
        show();
    }

    function toggle(hash) {
        if (!chosen.delete(hash)) chosen.add(hash);
        show();
    }

    const picked = () => [...chosen].filter((hash) => !card(hash).deleted);
    const focusCard = () => (nodes.get(current)?.node.isConnected ? nodes.get(current).node : view.filter.field).focus();

    /** Draws what is held; elements that still fit stay, and so does the focus. */
    function show() {
        view.grid.show();
        view.bar.show();
        view.details.show();
        view.tree.show();
        view.evolve.show();
        view.drawing.show();
    }

    // ---- Acts ------------------------------------------------------------------------------------------------------

    const breed = (parents, more = {}) => run(async () => {
        const asked = { ...view.breeding.litter(), ...more };
        if (parents.length < 2) throw new Error("Breeding takes two or more: choose another one with Ctrl-click or Space");
        const { nokens } = await askJSON(at, "nokens/breed", "POST", { parents, passed: null, ...asked });
        welcome(nokens);
        say(`${plural(nokens.length, "child", "children")} of ${listed(parents.map(known))}.`);
        return nokens;
    });

    const mutate = (hashes, towards = null, more = {}) => run(async () => {
        const born = [];
        if (!hashes.length) throw new Error("Nothing is chosen to mutate: click a card first");
        for (const noken of hashes) {
            const asked = { noken, ...view.breeding.turn(), towards, passed: null, ...more };
            born.push(...(await askJSON(at, "nokens/mutate", "POST", asked)).nokens);
        }
        welcome(born);
        say(`${plural(born.length, "mutant")} of ${listed(hashes.map(known))}.`);
        return born;
    });

    const remove = (hashes) => run(async () => {
        const gone = hashes.filter((hash) => !card(hash).deleted);
        if (!gone.length) throw new Error("Nothing is chosen to delete: click a card first");
        const places = [...view.grid.cards.children].map((node) => node.dataset.hash);
        const held = view.grid.cards.contains(document.activeElement);
        await askJSON(at, "nokens/delete", "POST", { nokens: gone });
        const from = places.indexOf(gone[0]);
        const next = [...places.slice(from), ...places.slice(0, from).reverse()].find((hash) => !gone.includes(hash));
        for (const hash of gone) chosen.delete(hash);
        current = next ?? null;
        mark(gone, new Date().toISOString());
        if (held) focusCard();
        view.undo.offer(`${gone.length > 1 ? plural(gone.length, "noken") : nameOf(card(gone[0]))} deleted.`,
            () => restore(gone));
    });

    const restore = (hashes) => run(async () => {
        await askJSON(at, "nokens/undo", "POST", { nokens: hashes });
        mark(hashes, null);
        if (hashes.some((hash) => !pool.order.includes(hash))) await refresh();
    });

    const keep = (hashes) => run(async () => {
        const kept = !hashes.every((hash) => card(hash).kept);
        for (const hash of hashes) await update(hash, { kept });
    });

    const exportThese = (hashes) => run(async () => {
        const query = hashes.length ? `?nokens=${hashes.join(",")}` : "";
        await save(`nokens.zip${query}`, "nokens.zip");
    });

    /** Fetches a file with the page's key, and hands it to the browser to keep. */
    async function save(address, usual) {
        const answer = await ask(at, address);
        const told = /filename\*?=(?:UTF-8'')?"?([^";]+)/.exec(answer.headers.get("Content-Disposition") ?? "");
        const url = URL.createObjectURL(await answer.blob());
        el("a", { href: url, download: told ? decodeURIComponent(told[1]) : usual }).click();
        setTimeout(() => URL.revokeObjectURL(url), 60000);
    }

    const asAddress = (blob) => new Promise((resolve, reject) => {
        const reader = new FileReader();
        reader.onload = () => resolve(reader.result);
        reader.onerror = () => reject(new Error("That file cannot be read"));
        reader.readAsDataURL(blob);
    });

    /** Files that are on their way: a picture's prompt becomes a noken, any other file is taken in. */
    const takeIn = (coming) => run(async () => {
        const born = [];
        for (const file of await coming) {
            const isPicture = file.type.startsWith("image/");
            if (isPicture) kit.checkPicture(file);
            const asked = isPicture ? ["nokens/new", "POST", { from: "picture", picture: await asAddress(file) }]
                : ["nokens/import", "POST", file];
            born.push(...(await askJSON(at, ...asked)).nokens);
        }
        welcome(born);
        say(`${plural(born.length, "noken")} taken in.`);
    });

    /** The files in a DataTransfer, read before the first wait: after the event it is empty. */
    function filesIn(data) {
        const files = [...data.files];
        if (files.length > 1 || files.some(({ type }) => !type.startsWith("image/"))) return Promise.resolve(files);
        return kit.pictureIn(data).then((picture) => [picture]);  // one of this page keeps its own bytes
    }

    // ---- Prompts: mentions, written into the host's own fields -----------------------------------------------------

    /** One that has no name gets one, so that a prompt can be read. */
    async function named(hash) {
        if (!card(hash).name) await update(hash, { name: `noken-${hash.slice(0, 6)}` });
        return wordOf(card(hash));
    }

    async function mentionOf(hashes) {
        const words = [];
        for (const hash of hashes) words.push(await named(hash));
        return `<noken:${words.join("~")}>`;
    }

    const send = (hashes, tab) => run(async () => {
        const area = kit.page().querySelector(`#${tab}_prompt textarea`);
        if (!area) throw new Error(`This page has no prompt of ${tab}`);
        const mention = await mentionOf(hashes);
        const before = area.value.trimEnd();
        kit.writeInto(area, before ? `${before} ${mention}` : mention);
        const needs = hashes.some((hash) => isMisfit(card(hash))) ? ` It needs a model of ${familyOf(card(hashes[0]))}.` : "";
        say(`${mention} is in the prompt of ${tab}.${needs} `, button(`Go to ${tab}`, () => kit.showTab(tab)));
    });

    const copyMention = (hashes) => run(async () => {
        const mention = await mentionOf(hashes);
        await kit.copyText(mention);
        say(`${mention} is copied.`);
    });

    // ---- New -------------------------------------------------------------------------------------------------------

    const RANDOM = [
        { name: "tokens", kind: "number", label: "Tokens", help: "Vectors in each", default: 1, low: 1, high: 16, whole: true },
        { name: "count", kind: "number", label: "Count", help: "How many", default: 4, low: 1, high: 32, whole: true },
        { name: "seed", kind: "number", label: "Seed", help: "Empty: drawn anew", default: null, whole: true },
    ];
    const ORIGINS = {
        prompt: ["Prompt", "A prompt: the whole of it becomes one noken"],
        words: ["Words", "Words with commas between: each becomes a noken"],
        picture: ["Picture", ""],
        random: ["Random", ""],
    };

    const valuesOf = (owner, list) => Object.fromEntries(list.map(({ name, default: usual }) => [name, owner[name] ?? usual]));

    function drawNew() {
        const random = {};
        const texts = { prompt: "", words: "" };
        const text = el("textarea.pxl-text.pxl-origin-text", { rows: 1, "aria-label": "What it is made of" });
        const picker = el("input", { type: "file", hidden: true, multiple: true, tabIndex: -1,
            accept: "image/*,.safetensors,.pt,.bin,.zip" });
        const drop = el("button.pxl-button.pxl-take", { type: "button", onclick: () => picker.click() },
            icon("picture"), "Choose, drop or paste a picture with its prompt, or an embedding");
        const dice = el("div.pxl-settings", {}, ...drawFields(at, random, RANDOM, () => {}).nodes);
        const make = button("Make", () => run(act));
        const radios = Object.entries(ORIGINS).map(([value, [label]]) => el("label.pxl-choice", {},
            el("input", { type: "radio", name: "pxl_breed_from", value, checked: value === "prompt",
                onchange: () => become(value) }), el("span", {}, label)));
        let from = "prompt";

        function become(value) {
            if (from in texts) texts[from] = text.value;
            from = value;
            text.hidden = !(from in texts);
            text.value = texts[from] ?? "";
            [, text.placeholder] = ORIGINS[from];
            drop.hidden = from !== "picture";
            dice.hidden = from !== "random";
            make.hidden = from === "picture";
        }

        async function act() {
            const asked = from === "random" ? valuesOf(random, RANDOM) : { text: text.value };
            const { nokens } = await askJSON(at, "nokens/new", "POST", { from, ...asked });
            welcome(nokens);
            say(`${plural(nokens.length, "noken")} made.`);
        }

        picker.onchange = () => { takeIn(Promise.resolve([...picker.files])); picker.value = ""; };
        text.onkeydown = (event) => {
            if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            event.stopPropagation();  // or the hosts' Ctrl+Enter would begin a picture
            run(act);
        };
        make.classList.add("pxl-primary");
        become(from);
        return el("div.pxl-part.pxl-new", { role: "group", "aria-label": "New" }, el("span.pxl-part-name", {}, "New"),
            el("div.pxl-choices", { role: "radiogroup", "aria-label": "Made from" }, ...radios), text, drop, dice, make, picker);
    }

    // ---- How children are made -------------------------------------------------------------------------------------

    const BREEDING = [
        { name: "drawn", kind: "flag", label: "Draw the mix", help: "Each child draws its own", default: true },
        { name: "mix", kind: "number", label: "Mix", help: "The second parent's share", default: 0.5, low: 0, high: 1,
            when: [{ drawn: [false] }] },
        { name: "angle", kind: "number", label: "Mutation °", default: 0, low: 0, high: 90,
            help: "How far each child is turned after breeding; Mutate turns by it, or by 10° where it is 0" },
        { name: "n", kind: "number", label: "Litter", help: "Children at once", default: 4, low: 1, high: 32, whole: true },
        { name: "seed", kind: "number", label: "Seed", help: "Empty: drawn anew", default: null, whole: true },
    ];

    /** A choice of what the server can do, as a field. */
    const choiceOf = (name, label, choices) => ({ name, kind: "choice", label, choices, default: choices[0]?.value,
        help: choices.map((each) => `${each.label}: ${each.help}`).join("\n") });

    function drawBreeding() {
        const owner = {};
        const node = el("div.pxl-settings");
        let list = BREEDING;
        let told = "";

        function learn() {
            if (told === JSON.stringify(pool.methods)) return;
            told = JSON.stringify(pool.methods);
            list = [...(pool.methods.length ? [choiceOf("method", "Method", pool.methods)] : []), ...BREEDING];
            node.replaceChildren(...drawFields(at, owner, list, () => {}).nodes);
        }
        learn();
        const values = () => valuesOf(owner, list);
        return {
            node, learn, values,
            litter() {
                const { drawn: isDrawn, mix, ...rest } = values();
                return { ...rest, mix: isDrawn ? null : mix };
            },
            turn() {
                const { angle, n, seed } = values();
                return { angle: angle || 10, n, seed };
            },
        };
    }

    // ---- The bar over the pool -------------------------------------------------------------------------------------

    function drawFilter() {
        const field = el("input.pxl-text", { type: "search", placeholder: "Filter by name ( / )", "aria-label": "Filter by name",
            spellcheck: false });
        const kept = el("input.pxl-switch", { type: "checkbox", role: "switch" });
        const look = () => {
            view.grid.show();
            quietly(fill);
        };
        field.oninput = kept.onchange = look;
        field.onkeydown = (event) => {
            if (event.key !== "Escape") return;
            event.stopPropagation();  // the hosts interrupt the running job on Escape
            field.value = "";
            look();
            focusCard();
        };
        const admits = (of) => {
            const wanted = field.value.trim().toLowerCase();
            return (!kept.checked || of.kept) && (of.name.toLowerCase().includes(wanted) || of.hash.startsWith(wanted));
        };
        const nodesOf = [field, el("label.pxl-switch-label", {}, kept, el("span", {}, "Kept only"))];
        return { field, admits, nodes: nodesOf };
    }

    function drawBar() {
        const count = el("span.pxl-count", { "aria-live": "polite" });
        const acts = [
            ["Breed", "B", 2, () => breed(picked())],
            ["Mutate", "M", 1, () => mutate(picked())],
            ["Keep", "K", 1, () => keep(picked())],
            ["Draw", "", 1, () => view.drawing.draw(picked())],
            ["Delete", "Delete", 1, () => remove(picked())],
            ["Export", "", 0, () => exportThese(picked())],
        ].map(([label, key, least, act]) => {
            const made = button(label, act);
            if (key) made.title = `${label} (${key})`;
            return { made, least };
        });
        const help = button("?", () => view.keys.showModal());
        help.setAttribute("aria-label", "Keys");

        function show() {
            const many = picked().length;
            for (const { made, least } of acts) made.disabled = many < least;
            acts.at(-1).made.textContent = many ? "Export" : "Export all";
            const all = plural(pool.total, "noken");
            count.textContent = !pool.learnt ? "" : many ? `${many} of ${all} chosen` : all;
        }
        const node = el("div.pxl-line.pxl-bar", {}, ...view.filter.nodes, count,
            el("div.pxl-line.pxl-acts", {}, ...acts.map(({ made }) => made), help));
        return { node, show };
    }

    // ---- Details of what is chosen ---------------------------------------------------------------------------------

    /** One vector's nearest words; a click takes one as the aim of the next mutation. */
    const drawNearest = (letter, place, words, aim) => el("div.pxl-vector", {},
        el("span.pxl-vector-name", {}, `${letter} ${place + 1}`),
        ...words.map(({ word, cosine }) => {
            const chip = button(word, () => aim(word));
            chip.classList.add("pxl-chip");
            chip.title = `Cosine ${cosine.toFixed(2)}. Click: mutate towards it`;
            chip.append(el("small", {}, cosine.toFixed(2)));
            return chip;
        }));

    function drawOne(hash) {
        const face = drawFace();
        const title = el("strong.pxl-noken-title");
        const facts = el("p.pxl-facts");
        const origin = el("p.pxl-facts");
        const kin = el("div.pxl-line.pxl-kin");
        const words = el("div.pxl-vectors", {}, el("p.pxl-note", {}, "Looking for its nearest words…"));
        const towards = el("input.pxl-text", { type: "text", placeholder: "a word, or near", spellcheck: false,
            "aria-label": "Mutate towards a word" });
        const aim = (word) => { towards.value = word; towards.focus(); };
        const steer = button("Mutate towards", () => mutate([hash], towards.value.trim() || "near"));
        const keeping = button("Keep", () => keep([hash]));
        const living = [
            el("div.pxl-line", {}, keeping, button("Rename", () => editName(hash, title, () => {})), button("Mutate", () => mutate([hash])),
                button("Delete", () => remove([hash]))),
            el("div.pxl-line", {}, towards, steer),
            el("div.pxl-line", {}, ...PROMPTS.map((tab) => button(`Send to ${tab}`, () => send([hash], tab))),
                button("Copy mention", () => copyMention([hash]))),
            el("div.pxl-line", {}, button("Install as embedding", () => install(hash)),
                button("Download", () => run(() => save(path(hash, "/file"), `${nameOf(card(hash))}.safetensors`)))),
        ];
        const ghost = el("div.pxl-line", {}, button("Bring it back", () => restore([hash])));
        const node = el("div.pxl-one", {}, el("div.pxl-about", {}, face.node, el("div.pxl-stack", {}, title, facts, origin, kin)),
            ...living, ghost, el("h4.pxl-part-name", {}, "Nearest words"), words);

        function show() {
            const of = card(hash);
            face.show(of);
            title.textContent = nameOf(of);
            facts.textContent = [familyOf(of), plural(of.tokens, "token"), `generation ${of.generation}`, of.created.slice(0, 10),
                of.deleted && "deleted", isMisfit(of) && "does not fit the model"].filter(Boolean).join(" · ");
            origin.textContent = originOf(of);
            keeping.textContent = of.kept ? "Keep no longer" : "Keep";
            keeping.setAttribute("aria-pressed", of.kept);
            for (const each of living) each.hidden = Boolean(of.deleted);
            ghost.hidden = !of.deleted;
            kin.hidden = !of.parents.length;
            const parents = of.parents.map((parent) => button(known(parent), () => goTo(parent)));
            if (!kin.contains(document.activeElement)) kin.replaceChildren(el("span", {}, "Parents"), ...parents);
        }

        async function load() {
            const found = await meet(hash);
            const strangers = card(hash).parents.filter((parent) => !pool.cards.has(parent));
            await Promise.allSettled(strangers.map(meet));  // one that nobody knows any more stays a bare hash
            show();
            const rows = Object.entries(found).flatMap(([letter, vectors]) =>
                vectors.map((nearest, i) => drawNearest(letter, i, nearest, aim)));
            const none = `Load a model of its family, ${familyOf(card(hash))}, to see them.`;
            words.replaceChildren(...(rows.length ? rows : [el("p.pxl-note", {}, none)]));
        }
        show();
        load().catch((problem) => words.replaceChildren(el("p.pxl-error", {}, problem.message)));
        towards.onkeydown = (event) => { if (event.key === "Enter") steer.click(); };
        return { node, show };
    }

    const goTo = (hash) => run(async () => {
        if (!pool.cards.has(hash)) await meet(hash);
        choose([hash]);
        nodes.get(hash)?.node.scrollIntoView({ block: "nearest" });
    });

    function drawMany(hashes) {
        const names = el("div.pxl-line", {}, ...hashes.slice(0, 24).map((hash) => button(known(hash), () => goTo(hash))));
        const morphs = hashes.length !== 2 ? [] : [
            el("h4.pxl-part-name", {}, `Morph ${known(hashes[0])} with ${known(hashes[1])}`),
            el("div.pxl-line", {}, ...PROMPTS.map((tab) => button(`Morph in ${tab}`, () => send(hashes, tab))),
                button("Copy morph", () => copyMention(hashes))),
        ];
        const lead = hashes.length === 2 ? "" : "Choose two to morph one into the other over the steps of a picture.";
        return { node: el("div.pxl-one", {}, el("strong.pxl-noken-title", {}, `${hashes.length} chosen`), names,
            el("div.pxl-line", {}, button("Next generation", () => view.evolve.next())), ...morphs,
            el("p.pxl-facts", {}, lead)), show() {} };
    }

    function drawDetails() {
        const body = el("div.pxl-details-body", { tabIndex: -1, role: "region", "aria-label": "Details" });
        const toggle = el("button.pxl-details-bar", { type: "button", onclick: () => open(!node.classList.contains("pxl-open")) });
        const node = el("aside.pxl-details", {}, toggle, body);
        let shown = null;
        let inside = null;

        function open(wide) {
            node.classList.toggle("pxl-open", wide);
            toggle.setAttribute("aria-expanded", wide);
        }

        function show() {
            const hashes = [...chosen];
            if (shown !== hashes.join()) {
                const held = body.contains(document.activeElement);
                shown = hashes.join();
                inside = hashes.length === 1 ? drawOne(hashes[0]) : hashes.length ? drawMany(hashes) : null;
                body.replaceChildren(inside?.node ?? el("p.pxl-note", {}, HINT));
                if (held) focusCard();
            }
            inside?.show();
            node.classList.toggle("pxl-idle", !hashes.length);
            toggle.textContent = hashes.length === 1 ? known(hashes[0]) : `${hashes.length} chosen`;
        }

        function enter() {
            open(true);
            body.focus();
        }
        open(false);
        return { node, body, show, enter };
    }

    const HINT = "Click a card to see what it is made of. Drag one on another to breed them. Ctrl-click chooses several, "
        + "Shift-click deletes.";

    const install = (hash) => run(async () => {
        const { path: place, word } = await askJSON(at, path(hash, "/install"), "POST");
        say(`Write ${word} in a prompt, as any embedding: it is in ${place}.`);
    });

    // ---- Tree: the kin of the one that is chosen -------------------------------------------------------------------

    /** The nearest kin, when there are more than fit. */
    function nearest(cards, hash) {
        const links = new Map(cards.map((each) => [each.hash, [...each.parents]]));
        for (const each of cards) for (const parent of each.parents) links.get(parent)?.push(each.hash);
        const reached = new Set([hash]);
        for (const each of reached) {
            for (const next of links.get(each) ?? []) if (reached.size < TREE.most && links.has(next)) reached.add(next);
        }
        return cards.filter((each) => reached.has(each.hash));
    }

    /** Rows by generation; in each, children under their parents and parents over their children. */
    function rowsOf(cards) {
        const ages = [...new Set(cards.map(({ generation }) => generation))].sort((a, b) => a - b);
        const rows = ages.map((age) => cards.filter(({ generation }) => generation === age));
        const children = new Map(cards.map(({ hash }) => [hash, []]));
        for (const each of cards) for (const parent of each.parents) children.get(parent)?.push(each.hash);
        const places = new Map();
        const settle = (row) => row.forEach(({ hash }, i) => places.set(hash, i - (row.length - 1) / 2));
        const order = (row, kin) => {
            const middle = new Map(row.map((each) => {
                const there = kin(each).filter((hash) => places.has(hash)).map((hash) => places.get(hash));
                return [each, there.length ? there.reduce((sum, place) => sum + place, 0) / there.length : places.get(each.hash)];
            }));
            row.sort((a, b) => middle.get(a) - middle.get(b));
            settle(row);
        };
        rows.forEach(settle);
        for (const row of rows) order(row, ({ parents }) => parents);
        for (const row of [...rows].reverse()) order(row, ({ hash }) => children.get(hash));
        for (const row of rows) order(row, ({ parents }) => parents);
        return rows;
    }

    function drawNode(of, x, y, isChosen) {
        const image = svg("image", { x, y, width: TREE.width, height: TREE.width, preserveAspectRatio: "xMidYMid slice" });
        const told = `${nameOf(of)}, generation ${of.generation}${of.deleted ? ", deleted" : ""}`;
        const node = svg("g", { class: `pxl-kinsman${of.deleted ? " pxl-is-ghost" : ""}`, role: "button",
            tabindex: isChosen ? 0 : -1, "aria-label": told, "aria-pressed": isChosen, style: groundOf(of.hash) },
        svg("title", {}, told),
        svg("rect", { x, y, width: TREE.width, height: TREE.width, rx: 8 }), image,
        svg("rect", { class: "pxl-frame", x, y, width: TREE.width, height: TREE.width, rx: 8 }),
        svg("text", { x: x + TREE.width / 2, y: y + TREE.height - 4 },
            nameOf(of).length > 13 ? `${nameOf(of).slice(0, 12)}…` : nameOf(of)));
        node.dataset.hash = of.hash;
        node.onclick = () => goTo(of.hash);
        if (of.thumbnail) pictureOf(of).then((url) => image.setAttribute("href", url)).catch(() => {});
        return node;
    }

    const edge = (from, to) => {
        const [ax, ay] = [from.x + TREE.width / 2, from.y + TREE.height];
        const [bx, by] = [to.x + TREE.width / 2, to.y];
        const bend = Math.max(12, Math.abs(by - ay) / 2);
        return svg("path", { class: "pxl-edge", d: `M${ax} ${ay}C${ax} ${ay + bend} ${bx} ${by - bend} ${bx} ${by}` });
    };

    function drawTree() {
        const canvas = el("div.pxl-tree", { role: "group", "aria-label": "Family tree" });
        const note = el("p.pxl-note");
        const node = el("details.pxl-fold", {}, el("summary", {}, "Family tree"), note, canvas);
        let asked = "";  // of whom, and how the pool stood then
        let rows = [];

        async function show() {
            const hash = [...chosen].at(-1);
            const now = `${hash} ${pool.edits}`;
            if (!node.open || asked === now) return;
            asked = now;
            note.textContent = hash ? "" : "Choose a noken to see where it comes from and what came of it.";
            if (!hash) return void canvas.replaceChildren();
            const { nokens } = await askJSON(at, path(hash, "/kin"));
            if (asked !== now) return;
            for (const each of nokens) put(each);
            const some = nearest(nokens, hash);
            if (some.length < nokens.length) note.textContent = `The ${some.length} nearest of ${nokens.length} kin.`;
            rows = rowsOf(some);
            paint(hash);
        }

        function paint(hash) {
            const held = canvas.contains(document.activeElement);
            const widest = Math.max(...rows.map((row) => row.length)) * (TREE.width + TREE.across) + TREE.across;
            const places = new Map(rows.flatMap((row, i) => row.map((of, j) => [of.hash, {
                of,
                x: widest / 2 + (j - row.length / 2) * (TREE.width + TREE.across) + TREE.across / 2,
                y: 6 + i * (TREE.height + TREE.down),
            }])));
            const tall = rows.length * (TREE.height + TREE.down) - TREE.down + 12;
            const edges = [...places.values()].flatMap((to) => to.of.parents.filter((each) => places.has(each))
                .map((each) => edge(places.get(each), to)));
            const people = [...places.values()].map(({ of, x, y }) => drawNode(of, x, y, of.hash === hash));
            canvas.replaceChildren(svg("svg", { width: widest, height: tall, viewBox: `0 0 ${widest} ${tall}` },
                ...edges, ...people));
            canvas.scrollLeft = places.get(hash).x - canvas.clientWidth / 2;
            canvas.scrollTop = places.get(hash).y - canvas.clientHeight / 2;
            if (held) focus(hash);
        }

        function focus(hash) {
            for (const each of canvas.querySelectorAll("g")) {
                each.setAttribute("tabindex", each.dataset.hash === hash ? 0 : -1);
                if (each.dataset.hash === hash) each.focus();
            }
        }

        canvas.onkeydown = (event) => {
            const { hash } = event.target.closest("g")?.dataset ?? {};
            if (!hash || event.ctrlKey || event.altKey || event.metaKey) return;
            const row = rows.find((each) => each.some((of) => of.hash === hash));
            const place = row.findIndex((of) => of.hash === hash);
            const everyone = rows.flat();
            const to = {
                ArrowLeft: () => row[place - 1],
                ArrowRight: () => row[place + 1],
                ArrowUp: () => everyone.find((of) => row[place].parents.includes(of.hash)),
                ArrowDown: () => everyone.find((of) => of.parents.includes(hash)),
            }[event.key]?.();
            if (to) focus(to.hash);
            else if (event.key === "Enter" || event.key === " ") goTo(hash);
            else if (!event.key.startsWith("Arrow")) return;
            event.preventDefault();
            event.stopPropagation();
        };
        const guarded = () => show().catch((problem) => { asked = ""; note.textContent = problem.message; });
        node.ontoggle = guarded;
        return { node, show: guarded };
    }

    // ---- Work: what takes long runs on the server, and the page asks how far it is ---------------------------------

    const DOING = { draw: "Drawing", evolve: "Evolving" };

    function drawWork() {
        const text = el("span");
        const bar = el("progress", { max: 1, value: 0, "aria-label": "Progress" });
        const stop = button("Stop", () => run(async () => {
            focusCard();  // nothing that is disabled holds it
            stop.disabled = true;
            await askJSON(at, "nokens/work", "DELETE");
        }));
        const node = el("div.pxl-work", { hidden: true }, text, bar, stop);
        let watching = false;

        function tell({ kind, done, total, left, running }) {
            const soon = left === null || left === undefined ? "" : ` · ${Math.ceil(left)} s left`;
            text.textContent = total ? `${DOING[kind] ?? "Working"} ${done} of ${total}${soon}` : "Beginning…";
            bar.max = Math.max(total, 1);
            bar.value = done;
            node.hidden = !running;
        }

        /** Takes over what was made or drawn since the last look. */
        async function takeNews(hashes) {
            if (!hashes.every((hash) => pool.order.includes(hash))) return refresh();
            return Promise.all(hashes.map(meet)).then(show);
        }

        const isSeen = () => !document.hidden && view.root.offsetParent !== null;
        const pause = () => new Promise((resume) => { setTimeout(resume, POLL); });

        async function follow(started) {
            let taken = 0;
            let before = null;
            for (;;) {
                const work = await askJSON(at, "nokens/work");
                tell(work);
                if (!work.running && !started) return;
                if (work.id !== before) taken = 0;
                const news = work.nokens.slice(taken);
                [taken, before] = [work.nokens.length, work.id];
                if (news.length) await takeNews(news);
                if (!work.running) {
                    if (work.error) {
                        await refresh();  // another checkpoint, perhaps
                        throw new Error(work.error);
                    }
                    say(`${DOING[work.kind] ?? "Working"} ended: ${work.done} of ${work.total}.`);
                    return;
                }
                started = true;
                do await pause(); while (!isSeen());
            }
        }

        async function watch(started = false) {
            if (watching) return;
            watching = true;
            stop.disabled = false;
            try {
                if (started) tell({ kind: null, done: 0, total: 0, left: null, running: true });
                await follow(started);
            } catch (problem) {
                node.hidden = true;
                complain(problem, problem.silent ? () => run(() => watch()) : null);
            } finally {
                watching = false;
            }
        }
        return { node, watch };
    }

    const begin = (route, asked) => run(async () => {
        await askJSON(at, route, "POST", asked);
        say("");
        view.work.watch(true);
    });

    const DRAWING = [
        { name: "prompt", kind: "text", label: "Prompt, with {} for the noken", default: "a photo of {}" },
        { name: "steps", kind: "number", label: "Steps", default: 20, low: 1, high: 150, whole: true },
        { name: "size", kind: "number", label: "Size", help: "Empty: the model's usual", default: null, whole: true },
        { name: "cfg", kind: "number", label: "CFG scale", default: 7, low: 1, high: 30 },
        { name: "seed", kind: "number", label: "Seed", help: "The same for all, so that they compare", default: 1, whole: true },
    ];

    function drawDrawing() {
        const owner = {};
        const draw = (hashes) => begin("nokens/draw", { nokens: hashes, ...valuesOf(owner, DRAWING) });
        const bare = () => pool.order.filter((hash) => {
            const of = card(hash);
            return !of.thumbnail && !of.deleted && !isMisfit(of);
        });
        const some = button("", () => draw(picked()));
        const rest = button("", () => draw(bare()));
        function show() {
            some.textContent = `Draw the ${picked().length} chosen`;
            some.disabled = !picked().length;
            rest.textContent = `Draw the ${bare().length} without a picture`;
            rest.disabled = !bare().length;
        }
        const node = el("details.pxl-fold", {}, el("summary", {}, "Thumbnails"),
            el("div.pxl-settings", {}, ...drawFields(at, owner, DRAWING, () => {}).nodes), el("div.pxl-line", {}, some, rest));
        return { node, show, draw };
    }

    // ---- Evolve ----------------------------------------------------------------------------------------------------

    const EVOLVING = [
        { name: "generations", kind: "number", label: "Generations", default: 3, low: 1, high: 50, whole: true },
        { name: "litter", kind: "number", label: "Litter", default: 6, low: 2, high: 64, whole: true,
            help: "Children in each generation" },
        { name: "elite", kind: "number", label: "Elite", default: 1, low: 0, high: 8, whole: true,
            help: "How many of the best go on as they are; those of a hand's pick are kept" },
        { name: "novelty", kind: "number", label: "Novelty", default: 0.2, low: 0, high: 1,
            help: "How much being unlike the others counts" },
    ];

    function drawEvolve() {
        const owner = {};
        const settings = el("div.pxl-settings");
        const go = button("Evolve", () => begin("nokens/evolve", asked()));
        const hand = button("Next generation", () => next());
        const note = el("p.pxl-facts", {}, "By a score, generations go by on their own. By hand, you pick the best cards, and "
            + "Next generation breeds them.");
        const node = el("details.pxl-fold", {}, el("summary", {}, "Evolve"), note, settings, el("div.pxl-line", {}, go, hand));
        let list = EVOLVING;
        let told = "";
        let lastLitter = [];

        function learn() {
            if (told === JSON.stringify(pool.scores)) return;
            told = JSON.stringify(pool.scores);
            list = [...EVOLVING, ...(pool.scores.length ? [choiceOf("score", "Score", pool.scores)] : [])];
            settings.replaceChildren(...drawFields(at, owner, list, () => {}).nodes);
        }

        function asked() {
            const { method, angle, seed } = view.breeding.values();
            // Without mutation nothing new would come of the generations: at 0 the server's own angle counts.
            const profile = window.pxl.taste?.me.profile;
            return { parents: picked(), ...valuesOf(owner, list), method, seed, angle: angle || null, ...(profile && { profile }) };
        }

        /** The picked ones' children, led away from the last litter's others; the first, the elite, are kept beside them. */
        async function next() {
            const parents = picked();
            const { litter, elite } = valuesOf(owner, list);
            const others = lastLitter.filter((hash) => !parents.includes(hash) && pool.cards.has(hash));
            const passed = parents.some((hash) => lastLitter.includes(hash)) && others.length ? others : null;
            const more = { n: litter, passed };
            const born = parents.length > 1 ? await breed(parents, more) : await mutate(parents, null, more);
            if (!born) return;
            lastLitter = born.map(({ hash }) => hash);
            await run(async () => {
                for (const hash of parents.slice(0, elite)) await update(hash, { kept: true });
            });
            choose([]);
            say(`Generation ${Math.max(...born.map(({ generation }) => generation))}: pick the best of ${born.length}.`);
        }

        function show() {
            const many = picked().length;
            go.textContent = `Evolve the ${many} chosen`;
            go.disabled = many < 2 || !pool.scores.length;
            hand.disabled = !many;
        }
        learn();
        return { node, show, learn, next };
    }

    // ---- Keys ------------------------------------------------------------------------------------------------------

    const KEYS = [
        ["← ↑ → ↓", "move from card to card"],
        ["Space", "choose the card as well, or no longer"],
        ["Enter", "details"],
        ["B", "breed the chosen ones"],
        ["M", "mutate them"],
        ["K", "keep them, or no longer"],
        ["F2", "rename"],
        ["Delete", "delete; Ctrl+Z brings back"],
        ["Ctrl+A", "choose all that are shown"],
        ["Esc", "choose none"],
        ["/", "filter"],
        ["Ctrl-click, Shift-click", "choose as well, delete"],
        ["?", "this"],
    ];

    function drawKeys() {
        const rows = KEYS.map(([keys, text]) => el("div.pxl-key-row", {}, el("kbd", {}, keys), el("span", {}, text)));
        const node = el("dialog.pxl-keys", { "aria-label": "Keys" }, ...rows, button("Close", () => node.close()));
        return node;
    }

    /** What the keyboard stands on, or all that are chosen when it is one of them. */
    const meant = () => (chosen.has(current) || !view.grid.cards.contains(document.activeElement) ? picked()
        : [current]);

    function moveTo(place) {
        const shown = [...view.grid.cards.children];
        const to = shown[Math.min(Math.max(place, 0), shown.length - 1)];
        to?.focus();
        to?.scrollIntoView({ block: "nearest" });
    }

    /** Keys of a card. */
    const ON_CARD = {
        ArrowLeft: (place) => moveTo(place - 1),
        ArrowRight: (place) => moveTo(place + 1),
        ArrowUp: (place) => { if (place >= view.grid.columns()) moveTo(place - view.grid.columns()); },
        ArrowDown: (place) => moveTo(place + view.grid.columns()),
        Home: () => moveTo(0),
        End: () => moveTo(Infinity),
        " ": () => toggle(current),
        Enter: () => { choose([current]); view.details.enter(); },
        F2: () => nodes.get(current).rename(),
    };
    /** Keys of the whole tab, where no text is being written. */
    const ANYWHERE = {
        b: () => breed(picked()),
        m: () => mutate(meant()),
        k: () => keep(meant()),
        Delete: () => remove(meant()),
        "/": () => view.filter.field.focus(),
        "?": () => view.keys.showModal(),
        Escape: () => {
            if (!view.details.body.contains(document.activeElement)) choose([]);
            focusCard();
        },
    };
    const WRITING = "textarea, select, input:not([type=checkbox], [type=radio], [type=range])";

    function onKey(event) {
        if (view.keys.open) return void event.stopPropagation();  // the hosts interrupt the running job on Escape
        view.undo.hear(event);
        if (event.defaultPrevented || event.altKey || event.target.matches(WRITING)) return;
        const place = [...view.grid.cards.children].indexOf(event.target);
        const isAll = (event.ctrlKey || event.metaKey) && event.key === "a" && place >= 0;
        const act = isAll ? () => choose([...view.grid.cards.children].map(({ dataset }) => dataset.hash))
            : event.ctrlKey || event.metaKey ? null
                : (place >= 0 && ON_CARD[event.key]) || ANYWHERE[event.key.length === 1 ? event.key.toLowerCase() : event.key];
        if (!act || (event.key === "Escape" && !chosen.size)) return;
        event.preventDefault();
        event.stopPropagation();  // the hosts have keys of their own: Escape interrupts
        act(place);
    }

    // ---- Page ------------------------------------------------------------------------------------------------------

    function takeDrops(root) {
        root.ondragover = (event) => {
            if (!kit.carriesPicture(event.dataTransfer)) return;
            event.preventDefault();
            event.stopPropagation();
            event.dataTransfer.dropEffect = "copy";
            root.classList.add("pxl-drop-over");
        };
        root.ondragleave = (event) => { if (!root.contains(event.relatedTarget)) root.classList.remove("pxl-drop-over"); };
        root.ondrop = (event) => {
            if (!kit.carriesPicture(event.dataTransfer)) return;
            event.preventDefault();
            event.stopPropagation();
            root.classList.remove("pxl-drop-over");
            takeIn(filesIn(event.dataTransfer));
        };
        root.onpaste = (event) => {
            if (!event.clipboardData.files.length || event.clipboardData.types.includes("text/plain")) return;
            event.preventDefault();
            event.stopPropagation();
            takeIn(filesIn(event.clipboardData));
        };
    }

    let view = null;

    function drawView() {
        const root = el("div.pxl-breeding");
        view = { root, error: el("p.pxl-error.pxl-line", { role: "alert" }), said: sentence("pxl-said") };
        view.undo = kit.undoBar(() => view.filter.field);
        view.filter = drawFilter();
        view.breeding = drawBreeding();
        view.evolve = drawEvolve();
        view.drawing = drawDrawing();
        view.work = drawWork();
        view.grid = drawGrid();
        view.bar = drawBar();
        view.details = drawDetails();
        view.tree = drawTree();
        view.keys = drawKeys();
        root.append(drawNew(),
            el("div.pxl-part", { role: "group", "aria-label": "Breeding" }, el("span.pxl-part-name", {}, "Breed"), view.breeding.node),
            view.bar.node, view.work.node, view.error, view.said, view.undo.node,
            el("div.pxl-floor", {}, view.grid.node, view.details.node),
            view.tree.node, view.drawing.node, view.evolve.node, view.keys);
        root.onkeydown = onKey;
        takeDrops(root);
        show();
    }

    let place = null;

    kit.onScan(() => {
        const found = kit.page().querySelector(".pxl-breed[data-key]");
        if (!found || (found === place && found.firstChild) || (found !== place && place?.isConnected)) return;
        place = found;
        at.key = place.dataset.key;
        if (!view) drawView();
        place.replaceChildren(view.root);
        kit.whenSeen(place, () => {
            run(refresh);
            view.work.watch();
        });
    });

    window.pxl.breed = {
        /** Asks the server anew for the pool. */
        refresh: () => view && run(refresh),
    };
})();
