/* pxl: the Taste tab, where pictures are judged, a taste is learned, and prompts are weighed and proposed.

   The page holds <div class="pxl-panel pxl-taste" data-key>; elements, fields, server and undo are pxl.js's. There is one
   such place, so what it shows is kept here, and outlives the place when gradio makes that anew. Each part of the tab
   has a file of its own that builds on `window.pxl.taste` and hands in what draws it; here is what they share.
   Sections: Memory, Telling, Asking, Pictures, Stars, Categories, Work, Page. Prompts and names come from outside: they
   reach the page as text, never as markup. */
(() => {
    "use strict";
    if (!window.pxl || window.pxl.taste) return;
    const { el, svg, button, sentence, ask, askJSON, ...kit } = window.pxl.kit;

    const POLL = 700;
    const GLANCE = 4000;  // after which a window looks whether another one has begun something
    const HELD = { thumbnail: 400, image: 24 };  // pictures that are kept in memory
    const OVERALL = "overall";
    const at = { tab: "taste", key: "" };
    const view = { parts: {} };  // what is drawn, once the page has a place for it

    // ---- Memory: what this browser remembers of the person, and what the server said last --------------------------

    function recall(name, usual) {
        try {
            return JSON.parse(localStorage.getItem(`pxl_taste_${name}`)) ?? usual;
        } catch {
            return usual;  // a browser that keeps nothing
        }
    }

    function remember(name, value) {
        try {
            localStorage.setItem(`pxl_taste_${name}`, JSON.stringify(value));
        } catch { /* it goes without */ }
    }

    const me = { profile: recall("profile", "me"), category: recall("category", OVERALL), profiles: [], categories: [],
        pictures: 0, opinions: 0, fresh: 0, learnt: false };
    const sitting = new Date().toISOString().slice(0, 19).replace("T", " ");
    const plural = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
    const percent = (share) => `${Math.round(share * 100)} %`;
    const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
    const primary = (label, act) => el("button.pxl-button.pxl-primary", { type: "button", onclick: act }, label);
    const active = () => {
        const names = me.categories.filter((each) => !each.retired).map((each) => each.name);
        return names.length ? names : [OVERALL];
    };

    // ---- Telling: what went well, and what did not -----------------------------------------------------------------

    const say = (text, ...more) => view.said.replaceChildren(text, ...more);

    function complain(problem, again) {
        view.error.replaceChildren(problem.message, ...(again ? [button("Try again", again)] : []));
    }

    /** Runs an act; what went wrong is told in one line, with a way to try again where the server was silent. */
    async function run(act) {
        view.error.replaceChildren();
        try {
            return await act();
        } catch (problem) {
            complain(problem, problem.silent ? () => run(act) : null);
            return null;
        }
    }

    /** What nobody asked for by a click leaves the line alone as long as it goes well. */
    const quietly = (act) => act().catch((problem) => complain(problem, problem.silent ? () => run(act) : null));

    // ---- Asking ----------------------------------------------------------------------------------------------------

    const query = (asked) => new URLSearchParams(
        Object.entries({ profile: me.profile, ...asked }).filter(([, value]) => value !== "" && value !== null));
    const get = (what, asked = {}) => askJSON(at, `taste${what}?${query(asked)}`);
    const post = (what, body = {}) => askJSON(at, `taste/${what}`, "POST", { profile: me.profile, ...body });

    async function learnMe() {
        const told = await get("");
        Object.assign(me, { ...told, learnt: true });
        if (!active().includes(me.category)) [me.category] = active();
        if (!view.root) return;  // only the stars under a gallery are there
        view.chips.show();
        view.parts.data.show();
        if (told.work.running) view.work.watch();
    }

    /** One opinion more; where the person wants it, so many of them begin a training. */
    function counted(by) {
        me.fresh += by;
        me.opinions += by;
        if (!view.root) return;
        const { on, n } = view.parts.learning.auto();
        if (by > 0 && on && me.fresh >= n && !view.work.isBusy()) view.parts.learning.train(true);
    }

    // ---- Pictures: fetched with the page's key, the last ones kept -------------------------------------------------

    const shelves = { thumbnail: new Map(), image: new Map() };  // address -> promise of a blob's address

    function pictureAt(kind, address) {
        const shelf = shelves[kind];
        const found = shelf.get(address);
        shelf.delete(address);
        const url = found ?? ask(at, `${address.replace(/^\/pxl\/v1\//, "")}?${query({})}`)
            .then((answer) => answer.blob()).then(URL.createObjectURL);
        shelf.set(address, url);
        if (!found) url.catch(() => shelf.delete(address));
        if (shelf.size > HELD[kind]) {
            const [oldest, gone] = shelf.entries().next().value;
            shelf.delete(oldest);
            gone.then((old) => setTimeout(() => URL.revokeObjectURL(old), 60000), () => {});
        }
        return url;
    }

    /** An element with the picture in it, ready to be painted at once. */
    async function painted(kind, address, alt = "") {
        const image = el("img", { alt, draggable: false, src: await pictureAt(kind, address) });
        await image.decode();
        return image;
    }

    const whenNear = new WeakMap();  // node -> what to do once it comes into sight
    const near = new IntersectionObserver((entries) => {
        for (const { isIntersecting, target } of entries) {
            if (!isIntersecting) continue;
            near.unobserve(target);
            whenNear.get(target)();
        }
    }, { rootMargin: "400px" });

    function drawFace(of) {
        const node = el("div.pxl-shot");
        const none = () => node.replaceChildren(el("span.pxl-shot-none", {}, "The picture is gone"));
        if (!of.thumbnail) none();
        else {
            whenNear.set(node, () => painted("thumbnail", of.thumbnail).then((image) => node.replaceChildren(image), none));
            near.observe(node);
        }
        return node;
    }

    // ---- Stars -----------------------------------------------------------------------------------------------------

    const STAR = "M12 3.6l2.6 5.4 5.9.8-4.3 4.1 1.1 5.9-5.3-2.9-5.3 2.9 1.1-5.9L3.500 9.800l5.900-.8z";
    const star = () => svg("svg", { class: "pxl-mark-star", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: STAR }));

    /** Five stars of one category; `give` hears a number, or null where the same star is clicked again. */
    function drawStars(category, value, give, named = false) {
        const marks = [1, 2, 3, 4, 5].map((mark) => {
            const made = el("button.pxl-mark", { type: "button", role: "radio", tabIndex: -1, title: `${plural(mark, "star")} for ${category}`,
                "aria-label": plural(mark, "star") }, star());
            made.onclick = (event) => {
                event.stopPropagation();
                give(category, mark === shown ? null : mark);
            };
            return made;
        });
        const row = el("div.pxl-marks", { role: "radiogroup" }, ...marks);
        const node = el("div.pxl-stars", {}, ...(named ? [el("span.pxl-stars-name", { title: category }, category)] : []), row);
        let shown = 0;

        function show(stars) {
            shown = Math.round(stars ?? 0);
            row.setAttribute("aria-label", `${category}: ${shown ? `${shown} of 5 stars` : "no stars yet"}`);
            row.classList.toggle("pxl-rated", shown > 0);
            marks.forEach((mark, i) => {
                mark.classList.toggle("pxl-full", i < shown);
                mark.setAttribute("aria-checked", i + 1 === shown);
            });
        }
        show(value);
        return { node, show };
    }

    const watchers = new Set();  // what shows the stars of a picture, and hears when they change
    const given = [];  // ratings of this sitting, the last one at the end, so that U takes them back

    let line = Promise.resolve();  // ratings arrive in the order in which they were given

    function inLine(act) {
        const done = line.then(act);
        line = done.catch(() => {});
        return done;
    }

    /** Each part of the page has the picture as it was told of it. */
    function putStars(of, category, value) {
        const showing = [...watchers].filter((each) => each.of?.id === of.id);
        for (const { stars } of [of, ...showing.map((each) => each.of)]) {
            if (value === null) delete stars[category];
            else stars[category] = value;
        }
        for (const each of showing) each.stars(category, value);
    }

    /** Stars appear at once; where the server will not have them, they go again. */
    async function rate(of, category, value) {
        const before = of.stars[category] ?? null;
        const sent = inLine(() => post("rate", { item: of.id, category, value, sitting }));
        const one = { of, category, before, sent };
        putStars(of, category, value);
        given.push(one);
        try {
            await sent;
            counted(value === null ? -1 : before === null ? 1 : 0);
            if (!me.categories.some(({ name }) => name === category)) await learnMe();
        } catch (problem) {
            given.splice(given.indexOf(one), 1);
            putStars(of, category, before);
            throw problem;
        }
    }

    const giveStars = (of) => (category, value) => run(() => rate(of, category, value));

    const unrate = () => run(async () => {
        const last = given.pop();
        if (!last) return void say("Nothing of this sitting is left to undo.");
        const { of, category, before, sent } = last;
        const { key } = await sent;
        await inLine(() => (key ? post("undo", { key }) : post("rate", { item: of.id, category, value: before, sitting })));
        putStars(of, category, before);
        counted(before === null ? -1 : 0);
        return void say(`${category}: back to ${before ? plural(before, "star") : "no stars"}.`);
    });

    // ---- Categories, and who judges by them ------------------------------------------------------------------------

    /** Which category is judged by; drawn once, over every part that has one. */
    function drawChips() {
        const node = el("div.pxl-chips", { role: "radiogroup", "aria-label": "Category" });
        const more = el("input.pxl-text.pxl-chip-new", { type: "text", maxLength: 80, placeholder: "New category",
            "aria-label": "Name of a new category" });
        let told = "";

        function show() {
            const now = JSON.stringify([active(), me.category]);
            if (now === told) return;
            told = now;
            const held = node.contains(document.activeElement) && document.activeElement !== more;
            const chips = active().map((name) => {
                const chip = el("button.pxl-category", { type: "button", role: "radio", title: name, onclick: () => choose(name) }, name);
                chip.setAttribute("aria-checked", name === me.category);
                chip.tabIndex = name === me.category ? 0 : -1;
                return chip;
            });
            node.replaceChildren(...chips, more);
            if (held) node.querySelector("[aria-checked=true]")?.focus();
        }

        node.onkeydown = (event) => {
            const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
            if (!by || event.target === more) return;
            event.preventDefault();
            event.stopPropagation();
            const names = active();
            choose(names[(names.indexOf(me.category) + by + names.length) % names.length]);
        };
        more.onkeydown = (event) => {
            event.stopPropagation();  // a letter of a name is no key of the tab, nor of the host
            if (event.key === "Escape") more.value = "";
            if (event.key !== "Enter" || !more.value.trim()) return;
            event.preventDefault();
            run(async () => {
                const name = more.value.trim();
                me.categories = (await post("categories/add", { name })).categories;
                more.value = "";
                choose(name);
                view.parts.data.show();
            });
        };
        return { node, show };
    }

    function choose(category) {
        if (category === me.category) return;
        me.category = category;
        remember("category", category);
        view.chips.show();
        for (const part of Object.values(view.parts)) part.recategorized?.();
    }

    /** Another person judges from now on; nothing of the one before stays. */
    function become(name) {
        if (!name || name === me.profile) return;
        Object.assign(me, { profile: name, category: OVERALL, categories: [] });
        remember("profile", name);
        given.length = 0;
        view.parts.duels.halt();
        for (const shelf of Object.values(shelves)) shelf.clear();
        run(async () => {
            await learnMe();
            for (const part of Object.values(view.parts)) part.anew?.();
        });
    }

    // ---- Work: what takes long runs on the server, and the page asks how far it is ---------------------------------

    const DOING = { train: "Learning", import: "Bringing in", generate: "Generating" };

    function drawWork() {
        const text = el("span");
        const bar = el("progress", { max: 1, value: 0, "aria-label": "Progress" });
        const stop = button("Stop", () => run(async () => { stop.disabled = true; await askJSON(at, "taste/work", "DELETE"); }));
        const node = el("div.pxl-work", { hidden: true }, text, bar, stop);
        let watching = false;
        let under = null;  // the id of what was under way when it was last heard of

        /** What is asked for is watched as it begins; where something else is under way, that is. */
        async function begin(asked) {
            say("");
            try {
                await asked;
            } catch (problem) {
                glance();
                throw problem;
            }
            watch(true);
        }

        /** Another window may have begun something, or the host may be back. */
        async function glance() {
            if (watching || document.hidden || !view.root.offsetParent) return;
            const work = await get("/work").catch(() => null);
            if (work && (work.running || under)) watch();
        }
        setInterval(glance, GLANCE);

        async function watch(isNew = false) {
            if (watching) return;
            watching = true;
            stop.disabled = false;
            try {
                for (;;) {
                    const work = await get("/work");
                    const isLost = under && !work.id;
                    under = work.running ? work.id : null;
                    if (isLost) throw new Error("The host was started again: what was under way has ended");
                    node.hidden = !work.running;
                    text.textContent = `${DOING[work.kind] ?? "Working"}… ${percent(work.share)}`;
                    bar.value = work.share;
                    view.parts.prompts.made.add(work.made);
                    if (!work.running) {
                        if (work.error) throw new Error(work.error);
                        if (isNew || work.id) await ended(work);
                        return;
                    }
                    do await new Promise((resume) => { setTimeout(resume, POLL); }); while (document.hidden);
                }
            } catch (problem) {
                node.hidden = true;
                complain(problem, problem.silent ? () => run(() => watch()) : null);
            } finally {
                watching = false;
            }
        }

        async function ended(work) {
            say(work.said);
            if (work.kind === "train") me.fresh = 0;
            await learnMe();
            for (const name of ["learning", "prompts"]) view.parts[name].anew();
            if (!["train", "generate"].includes(work.kind)) view.parts.pictures.anew();
            else if (work.kind === "generate" && shown === "pictures") view.parts.pictures.opened();
        }
        return { node, begin, watch, isBusy: () => watching };
    }

    // ---- Page ------------------------------------------------------------------------------------------------------

    const PARTS = {  // in the order in which they are shown
        duels: "Duels", pictures: "Pictures", learning: "Learning", prompts: "Prompts", data: "Data",
    };
    const WRITING = "textarea, select, input:not([type=checkbox], [type=radio], [type=range])";
    const draws = {};  // what draws each part, by name, as its file handed it in
    let shown = recall("part", "duels");


    function drawTabs() {
        const tabs = Object.entries(PARTS).map(([name, label]) => {
            const tab = el("button.pxl-part-tab", { type: "button", role: "tab" }, label);
            tab.onclick = (event) => {
                open(name);
                if (event.detail) tab.blur();  // by the mouse: the arrows are the part's, not the tabs'
            };
            tab.dataset.part = name;
            return tab;
        });
        const node = el("div.pxl-part-tabs", { role: "tablist", "aria-label": "Taste" }, ...tabs);
        node.onkeydown = (event) => {
            const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
            if (!by) return;
            event.preventDefault();
            event.stopPropagation();
            const next = tabs[(tabs.findIndex((tab) => tab.dataset.part === shown) + by + tabs.length) % tabs.length];
            open(next.dataset.part);
            next.focus();
        };
        return { node, show: () => tabs.forEach((tab) => {
            tab.setAttribute("aria-selected", tab.dataset.part === shown);
            tab.tabIndex = tab.dataset.part === shown ? 0 : -1;
        }) };
    }

    function open(name) {
        shown = name in PARTS ? name : "duels";
        remember("part", shown);
        view.tabs.show();
        view.error.replaceChildren();
        say("");
        for (const [each, part] of Object.entries(view.parts)) part.node.hidden = each !== shown;
        view.chips.node.hidden = shown === "data" && !me.categories.length;
        view.parts[shown].opened();
    }

    function onKey(event) {
        if (!view.root.isConnected || view.root.offsetParent === null || view.parts.pictures.whole.node.open) return;
        const isOurs = view.root.contains(event.target) || event.target === document.body;
        if (!isOurs || event.defaultPrevented || event.altKey || event.target.matches(WRITING)) return;
        view.undo.hear(event);
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.repeat) return;
        const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
        const { keys, idle = {} } = view.parts[shown];
        const act = keys[key] ?? (event.target === document.body ? idle[key] : null);
        if (!act) return;
        event.preventDefault();
        event.stopPropagation();
        act();
    }

    function drawView() {
        const root = el("div.pxl-tasting");
        Object.assign(view, { root, error: el("p.pxl-error.pxl-line", { role: "alert" }), said: sentence("pxl-said") });
        view.undo = kit.undoBar(() => view.tabs.node.querySelector("[aria-selected=true]"));
        view.tabs = drawTabs();
        view.chips = drawChips();
        view.work = drawWork();
        for (const name of Object.keys(PARTS)) view.parts[name] = draws[name]();
        root.append(el("div.pxl-taste-head", {}, view.tabs.node, view.chips.node), view.work.node, view.error, view.said, view.undo.node,
            ...Object.values(view.parts).map((part) => part.node), view.parts.pictures.whole.node);
        document.addEventListener("keydown", onKey, true);
        for (const part of Object.values(view.parts)) part.node.hidden = true;
        view.chips.show();
        view.tabs.show();
    }

    let place = null;

    /** Draws the page once all parts are there, and into a place that gradio has made anew. */
    function mount() {
        if (!Object.keys(PARTS).every((name) => name in draws)) return;
        const found = kit.page().querySelector(".pxl-taste[data-key]");
        if (!found || (found === place && found.firstChild) || (found !== place && place?.isConnected)) return;
        place = found;
        at.key = place.dataset.key;
        if (!view.root) drawView();
        place.replaceChildren(view.root);
        kit.whenSeen(place, () => run(async () => {
            await learnMe();
            const { new: fresh } = await get("/status", { category: me.category }).catch(() => ({ new: 0 }));
            me.fresh = fresh;
            open(shown);
        }));
    }

    kit.onScan(mount);

    window.pxl.taste = {
        /** The file of a part hands in what draws it: a node, its keys, and what to do when it is opened; where there is
            a need also `idle` keys, and what to do when it is `recategorized` or all is `anew`. */
        part(name, draw) {
            draws[name] = draw;
            mount();
        },
        view,  // also `parts` by name, as they were drawn: what one does for another is there
        open, choose, become,  // another part, category, person
        at, me, recall, remember, sitting, active, plural, percent, signed, primary,
        say, complain, run, quietly, query, get, post, learnMe, counted,
        painted, drawFace, drawStars, rate, giveStars, unrate, watchers,
    };
})();
