/* pxl: the Taste tab, where pictures are judged, a taste is learned, and prompts are weighed and proposed.

   The page holds <div class="pxl-panel pxl-taste" data-key>; elements, fields, server and undo are pxl.js's. There is one
   such place, so what it shows is kept here, and outlives the place when gradio makes that anew.
   Sections: Memory, Telling, Asking, Pictures, Stars, Categories, Duels, Gallery, Whole picture, Learning, Prompts,
   Data, Work, Page. Prompts and names come from outside: they reach the page as text, never as markup. */
(() => {
    "use strict";
    if (!window.pxl || window.pxl.taste) return;
    const { el, svg, button, sentence, ask, askJSON, drawFields, ...kit } = window.pxl.kit;

    const PAGE = 60;
    const POLL = 700;
    const GLANCE = 4000;  // after which a window looks whether another one has begun something
    const RETRY = 3000;  // after which an answer is sent again to a server that was silent
    const AHEAD = 2;  // pairs that are loaded before they are asked for
    const LOOKED_BACK = 40;  // pairs that are not asked again in this sitting
    const TRIES = 4;  // where a file cannot be read as a picture
    const REST = 20;  // duels after which it is a good place to stop
    const HELD = { thumbnail: 400, image: 24 };  // pictures that are kept in memory
    const OVERALL = "overall";
    const at = { tab: "taste", key: "" };

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
    const path = (id) => encodeURIComponent(id);
    const plural = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
    const percent = (share) => `${Math.round(share * 100)} %`;
    const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
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
        if (!view) return;  // only the stars under a gallery are there
        view.chips.show();
        view.data.show();
        if (told.work.running) view.work.watch();
    }

    /** One opinion more; where the person wants it, so many of them begin a training. */
    function counted(by) {
        me.fresh += by;
        me.opinions += by;
        if (!view) return;
        const { on, n } = view.learning.auto();
        if (by > 0 && on && me.fresh >= n && !view.work.isBusy()) view.learning.train(true);
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

    // ---- Categories ------------------------------------------------------------------------------------------------

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
                view.data.show();
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

    // ---- Duels -----------------------------------------------------------------------------------------------------

    function drawDuels() {
        const sides = ["left", "right"].map((side, i) => {
            const shot = el("span.pxl-side-shot");
            const told = el("span.pxl-side-told");
            const node = el("button.pxl-side", { type: "button", onclick: () => answer(i ? "right" : "left") },
                shot, el("kbd", { "aria-hidden": "true" }, i ? "→" : "←"));
            node.dataset.side = side;
            return { node, shot, told };
        });
        const question = el("p.pxl-question", { "aria-live": "polite" });
        const ring = el("div.pxl-ring", {}, ...sides.map(({ node, told }) => el("div.pxl-corner", {}, node, told)));
        const key = (label, name, act) => {
            const made = button(label, act);
            made.append(el("kbd", { "aria-hidden": "true" }, name));
            made.setAttribute("aria-label", label);
            return made;
        };
        const tie = key("Tie", "↓", () => answer(null));
        const skip = key("Skip", "S", () => pass());
        const undo = key("Undo", "U", () => back());
        const finish = button("Finish", () => rest());
        const count = el("span.pxl-count", { "aria-live": "polite" });
        const prompts = el("input.pxl-switch", { type: "checkbox", role: "switch", checked: recall("prompts", false) });
        prompts.onchange = () => { remember("prompts", prompts.checked); show(); };
        const stage = el("div.pxl-stage", {}, question, ring,
            el("div.pxl-answers", {}, tie, skip, undo),
            el("div.pxl-line.pxl-duel-foot", {}, count, el("label.pxl-switch-label", {}, prompts, el("span", {}, "Show prompts")), finish));
        const calm = el("div.pxl-calm", { tabIndex: -1, hidden: true });
        const node = el("section.pxl-duels", { "aria-label": "Duels" }, stage, calm);
        const queue = [];  // pairs whose pictures are here
        const past = [];  // what was done: {pair, sent}, sent the promise of a key, or null for a skip
        let seen = [];  // pairs of this sitting
        let answered = 0;
        let asking = null;
        let turn = 0;  // another category, another queue
        let sending = Promise.resolve();
        let flying = 0;  // answers that have not arrived yet
        let dry = false;

        const current = () => queue[0];
        const ids = (pair) => pair.map(({ id }) => id);

        /** Pairs are asked for, and their pictures decoded, before they are needed. */
        async function fill() {
            const mine = turn;
            asking ??= askNext(mine).finally(() => { if (mine === turn) asking = null; });
            await asking;
            if (mine === turn && !queue.length) show();
        }

        async function askNext(mine) {
            for (let tries = 0; tries < TRIES && !dry && queue.length < AHEAD; tries += 1) {
                const { pairs } = await post("duel/next", { category: me.category, n: AHEAD + 1, avoid: seen });
                if (mine !== turn) return;
                dry = !pairs.length;
                for (const pair of pairs) {
                    const images = await Promise.all(pair.map((of) => painted("image", of.image))).catch(() => null);
                    if (mine !== turn) return;
                    seen = [...seen, ids(pair)].slice(-LOOKED_BACK);
                    if (images) queue.push({ pair, images });
                    if (queue.length === 1) show();
                }
            }
            dry ||= !queue.length;
        }

        function show() {
            const now = current();
            const isEmpty = !now && dry && !asking;
            node.classList.toggle("pxl-waiting", !now && !isEmpty);
            question.replaceChildren("Which one, for ", el("strong", {}, me.category), "?");
            sides.forEach(({ node: side, shot, told }, i) => {
                const of = now?.pair[i];
                side.disabled = !now;
                side.setAttribute("aria-label", of ? `${i ? "Right" : "Left"}: ${of.prompt || "no prompt"}` : "Loading");
                if (now && shot.firstChild !== now.images[i]) shot.replaceChildren(now.images[i]);
                if (!now) shot.replaceChildren();
                told.textContent = of && prompts.checked ? of.prompt : "";
                told.title = told.textContent;
                told.hidden = !prompts.checked;
            });
            for (const each of [tie, skip]) each.disabled = !now;
            undo.disabled = !past.length;
            finish.hidden = !answered;
            count.textContent = answered ? `${plural(answered, "duel")} in this sitting` : "";
            if (isEmpty) relax(...nothing());
        }

        function nothing() {
            if (!me.pictures) return ["Nothing to judge yet", "Switch “Record” on in the pxl panel under your prompt and make a few pictures: they wait for you here."];
            if (me.pictures < 2) return ["One picture so far", "A duel needs two: make another picture with “Record” on."];
            return ["That is all for now", "You have seen every pair there is here. Make more pictures, or come back later."];
        }

        function answer(side) {
            const now = current();
            if (!now) return;
            const [first, second] = ids(now.pair);
            const winner = side === "left" ? first : side === "right" ? second : null;
            const asked = { first, second, winner, category: me.category, sitting };
            const sent = sending.then(() => insist(asked));
            sending = sent.catch(() => {});
            flying += 1;
            sending.then(() => { flying -= 1; });
            const one = { ...now, sent };
            sent.then((made) => { if (!made) askAgain(one); });
            past.push(one);
            answered += 1;
            flash(side);
            step();
            if (answered % REST === 0) say(`${answered} duels: a good place to stop, if you like.`);
        }

        /** An answer is sent until it has arrived: the next ones wait behind it, whatever else the line tells meanwhile. */
        async function insist(asked) {
            for (let isLate = false; ; isLate = true) {
                try {
                    const { key: made } = await post("duel", asked);
                    counted(1);
                    if (isLate) { view.error.replaceChildren(); quietly(fill); }
                    if (!me.categories.length) learnMe().catch(() => {});
                    return made;
                } catch (problem) {
                    if (!problem.silent) { complain(problem); return null; }
                    await new Promise((resume) => {
                        setTimeout(resume, RETRY);
                        complain(problem, () => { view.error.replaceChildren(); resume(); });
                    });
                }
            }
        }

        /** What the server would not have is asked again, but after the pair that is looked at. */
        function askAgain(one) {
            if (!past.includes(one)) return;  // it was undone, or another category is judged by now
            past.splice(past.indexOf(one), 1);
            answered -= 1;
            if (!current()) [stage.hidden, calm.hidden] = [false, true];
            queue.splice(current() ? 1 : 0, 0, { pair: one.pair, images: one.images });
            show();
        }

        function flash(side) {
            ring.dataset.chosen = side ?? "tie";
            clearTimeout(flash.timer);
            flash.timer = setTimeout(() => { delete ring.dataset.chosen; }, 160);
        }

        function pass() {
            if (!current()) return;
            past.push({ ...current(), sent: null });
            step();
        }

        function step() {
            queue.shift();
            show();
            if (queue.length <= AHEAD - 1) quietly(fill);
        }

        function back() {
            const last = past.pop();
            if (!last) return;
            queue.unshift({ pair: last.pair, images: last.images });
            stage.hidden = false;
            calm.hidden = true;
            if (last.sent) {
                answered -= 1;
                run(async () => {
                    const made = await last.sent;
                    if (!made) return;
                    await post("undo", { key: made });
                    counted(-1);
                });
            }
            say("");
            show();
        }

        function relax(title, text, ...more) {
            const held = node.contains(document.activeElement);
            stage.hidden = true;
            calm.hidden = false;
            calm.replaceChildren(el("h3", {}, title), el("p", {}, text), el("div.pxl-line.pxl-calm-acts", {}, ...more));
            if (past.length) calm.lastChild.append(button("Undo the last", back));
            if (held) calm.focus();
        }

        /** The calm end of a sitting. */
        function rest() {
            const fresh = me.fresh + flying;
            const news = fresh > 0 ? `${plural(fresh, "opinion")} wait to be learned from.` : "All of them have been learned from.";
            relax(`${plural(answered, "duel")}, thank you`, news,
                ...(fresh > 0 ? [primary("Learn from them", () => { open("learning"); view.learning.train(); })] : []),
                button("Go on", resume));
        }

        function resume() {
            stage.hidden = false;
            calm.hidden = true;
            show();
            if (!queue.length) quietly(fill);
            sides[0].node.focus();
        }

        function restart() {
            turn += 1;
            asking = null;
            dry = false;
            queue.length = past.length = 0;
            seen = [];
            stage.hidden = false;
            calm.hidden = true;
            show();
            quietly(fill);
        }

        const keys = {
            ArrowLeft: () => answer("left"), ArrowRight: () => answer("right"), ArrowDown: () => answer(null), s: pass, u: back,
        };
        return {
            node, keys, recategorized: restart, anew: restart,
            halt: () => { turn += 1; },  // what is on its way is another person's
            opened() {
                if (stage.hidden && !answered) restart();
                else if (!queue.length) {
                    if (dry) [stage.hidden, calm.hidden, dry] = [false, true, false];  // there may be new pictures
                    quietly(fill);
                }
                show();
            },
        };
    }

    const primary = (label, act) => {
        const made = button(label, act);
        made.classList.add("pxl-primary");
        return made;
    };

    // ---- Gallery ---------------------------------------------------------------------------------------------------

    const dayAfter = (day) => new Date(Date.parse(day) + 86400000).toISOString().slice(0, 10);

    function drawFilters(changed) {
        const field = (type, label, more = {}) => el("input.pxl-text", { type, "aria-label": label, title: label, ...more });
        const text = field("search", "Words of the prompt", { placeholder: "Words of the prompt ( / )", spellcheck: false });
        const model = el("select.pxl-select", { "aria-label": "Model" });
        const time = el("select.pxl-select", { "aria-label": "Sitting" });
        const since = field("date", "From this day");
        const until = field("date", "Until this day");
        const clear = button("Clear", () => { for (const each of [text, model, time, since, until]) each.value = ""; look(); });
        let timer = 0;

        function look() {
            clearTimeout(timer);
            clear.hidden = ![text, model, time, since, until].some((each) => each.value);
            changed();
        }

        async function learn() {
            const { models, sittings } = await get("/filters");
            const fill = (select, all, names) => {
                const held = select.value;
                select.replaceChildren(el("option", { value: "" }, all), ...names.map((name) => el("option", { value: name }, name)));
                select.value = names.includes(held) ? held : "";
            };
            fill(model, "All models", models);
            fill(time, "All sittings", sittings);
        }
        text.oninput = () => { clearTimeout(timer); timer = setTimeout(look, 250); };
        text.onkeydown = (event) => {
            event.stopPropagation();
            if (event.key === "Escape") { text.value = ""; look(); }
        };
        for (const each of [model, time, since, until]) each.onchange = look;
        clear.hidden = true;
        model.append(el("option", { value: "" }, "All models"));
        time.append(el("option", { value: "" }, "All sittings"));
        const node = el("div.pxl-line.pxl-filters", {}, text, model, time, el("span.pxl-days", {}, since, "–", until), clear);
        const asked = () => ({ text: text.value.trim(), checkpoint: model.value, sitting: time.value, since: since.value,
            until: until.value && dayAfter(until.value) });
        return { node, text, learn, asked, isSet: () => !clear.hidden };
    }

    function drawGallery() {
        const cards = [];  // in the order shown
        const grid = el("div.pxl-shots", { role: "list", "aria-label": "Pictures" });
        const end = el("div.pxl-end");
        const note = el("p.pxl-note.pxl-empty", { hidden: true });
        const all = el("input.pxl-switch", { type: "checkbox", role: "switch", checked: recall("all", false) });
        const pool = el("div.pxl-pool", {}, grid, note, end);
        const filters = drawFilters(() => restart());
        const node = el("section.pxl-gallery", { "aria-label": "Pictures" }, filters.node,
            el("div.pxl-line.pxl-gallery-bar", {}, el("label.pxl-switch-label", {}, all, el("span", {}, "Stars of all categories")),
                el("span.pxl-count", {}, "Keys: ← ↑ → ↓ go, 1–5 give stars, 0 takes them back, U undoes, Enter opens")), pool);
        let before = null;
        let more = true;
        let fetching = null;
        let turn = 0;

        const isEndSeen = () => node.offsetParent !== null
            && end.getBoundingClientRect().top < Math.min(pool.getBoundingClientRect().bottom, window.innerHeight) + 400;

        async function fetchMore() {
            const mine = turn;
            fetching ??= (async () => {
                while (more && mine === turn && isEndSeen()) {
                    const told = await get("/pictures", { limit: PAGE, before, ...filters.asked() });
                    if (mine !== turn) return;
                    [before, more] = [told.next, told.next !== null];
                    append(told.pictures);
                    note.hidden = Boolean(cards.length) || !more;
                    note.textContent = "Looking further back…";
                }
            })().finally(() => { if (mine === turn) fetching = null; });
            await fetching;
            if (mine === turn && !more) showNote();
        }

        function showNote() {
            note.hidden = cards.length > 0;
            note.textContent = filters.isSet() ? "No picture matches."
                : "No pictures yet. Switch “Record” on in the pxl panel under your prompt, and what you make appears here.";
        }

        function append(found) {
            for (const of of found) cards.push(drawCard(of));
            grid.append(...cards.slice(-found.length || cards.length).map((card) => card.node));
            if (found.length && !grid.querySelector("[tabindex='0']")) cards[0].node.tabIndex = 0;
        }

        function drawCard(of) {
            const stars = new Map();
            const box = el("div.pxl-shot-stars");
            const face = drawFace(of);
            const node = el("div.pxl-shot-card", { role: "listitem", tabIndex: -1, "aria-label": of.prompt || "no prompt" }, face, box,
                el("span.pxl-shot-told", { title: of.prompt }, of.prompt));
            const card = { of, node, show };

            function show() {
                const names = all.checked ? active() : [me.category];
                stars.clear();
                for (const name of names) stars.set(name, drawStars(name, of.stars[name], giveStars(of), all.checked));
                box.replaceChildren(...[...stars.values()].map((each) => each.node));
            }
            watchers.add({ of, stars: (category, value) => stars.get(category)?.show(value), owner: grid });
            face.onclick = () => view.whole.open(of, cards.map((each) => each.of));
            node.onfocus = () => rove(card);
            node.onkeydown = (event) => onKey(event, card);
            show();
            return card;
        }

        function rove(card) {
            for (const each of grid.querySelectorAll("[tabindex='0']")) each.tabIndex = -1;
            card.node.tabIndex = 0;
        }

        function onKey(event, card) {
            if (event.ctrlKey || event.metaKey || event.altKey || event.target !== card.node) return;
            const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
            const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
            const place = cards.indexOf(card);
            if (by) {
                cards[place + by]?.node.focus();
                cards[place + by]?.node.scrollIntoView({ block: "nearest" });
            } else if (/^[0-5]$/.test(event.key)) giveStars(card.of)(me.category, Number(event.key) || null);
            else if (event.key === "Enter" || event.key === " ") view.whole.open(card.of, cards.map((each) => each.of));
            else return;
            event.preventDefault();
            event.stopPropagation();
        }

        const enter = () => grid.querySelector("[tabindex='0']")?.focus();

        function restart() {
            turn += 1;
            [before, more, fetching] = [null, true, null];
            for (const each of [...watchers]) if (each.owner === grid) watchers.delete(each);
            cards.length = 0;
            grid.replaceChildren();
            note.hidden = true;
            pool.scrollTop = 0;
            quietly(fetchMore);
        }

        all.onchange = () => { remember("all", all.checked); for (const card of cards) card.show(); };
        new IntersectionObserver((entries) => {
            if (entries.some((entry) => entry.isIntersecting)) quietly(fetchMore);
        }, { rootMargin: "400px" }).observe(end);
        return {
            node,
            keys: { u: unrate, "/": () => filters.text.focus() },
            idle: { ArrowLeft: enter, ArrowRight: enter, ArrowUp: enter, ArrowDown: enter },
            recategorized: () => { for (const card of cards) card.show(); },
            opened() {
                quietly(filters.learn);
                if (!cards.length) restart();
                else quietly(catchUp);
            },
            anew: restart,
        };

        /** What was made since stands in front. */
        async function catchUp() {
            const mine = turn;
            const { pictures } = await get("/pictures", { limit: 1, ...filters.asked() });
            if (mine === turn && pictures.length && pictures[0].id !== cards[0].of.id) restart();
        }
    }

    // ---- Whole picture ---------------------------------------------------------------------------------------------

    function drawWhole() {
        const frame = el("div.pxl-whole-frame");
        const marks = el("div.pxl-whole-stars");
        const prompt = el("p.pxl-whole-prompt");
        const facts = el("dl.pxl-whole-facts");
        const turnTo = (by, label, sign) => el("button.pxl-whole-turn", { type: "button", "aria-label": label, onclick: () => turn(by) }, sign);
        const acts = el("div.pxl-line", {}, button("Send to txt2img", () => send(told?.prompt ?? of.prompt)),
            button("Copy the prompt", () => run(() => kit.copyText(told?.prompt ?? of.prompt))),
            button("Take it apart", () => { node.close(); view.prompts.take(told?.prompt ?? of.prompt); }), button("Close", () => node.close()));
        const node = el("dialog.pxl-whole", { "aria-label": "The whole picture" }, turnTo(-1, "The one before", "‹"), frame, turnTo(1, "The next one", "›"),
            el("div.pxl-whole-side", {}, marks, prompt, facts, acts));
        let of = null;
        let told = null;
        let row = [];
        let rows = new Map();

        async function show() {
            const mine = of;
            told = null;
            rows = new Map(active().map((name) => [name, drawStars(name, of.stars[name], giveStars(of), true)]));
            marks.replaceChildren(...[...rows.values()].map((each) => each.node));
            prompt.textContent = of.prompt;
            facts.replaceChildren();
            const none = (why) => frame.replaceChildren(el("p.pxl-note", {}, why));
            if (!of.image) none("The picture's file is gone.");
            else painted("image", of.image, of.prompt).then((image) => { if (mine === of) frame.replaceChildren(image); },
                (problem) => { if (mine === of) none(problem.message); });
            const found = await get(`/picture/${path(of.id)}`);
            if (mine !== of) return;
            told = found;
            prompt.textContent = told.prompt ?? "";
            const list = { Model: told.checkpoint, Seed: told.seed, Negative: told.negative, Template: told.template, ...told.settings, Made: told.time, File: told.image };
            facts.replaceChildren(...Object.entries(list).filter(([, value]) => value !== undefined && value !== "")
                .flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value))]));
        }

        function turn(by) {
            const next = row[row.indexOf(of) + by];
            if (!next) return;
            of = next;
            quietly(show);
        }

        watchers.add({ get of() { return of; }, stars: (category, value) => rows.get(category)?.show(value) });
        node.onclick = (event) => { if (event.target === node) node.close(); };
        node.onkeydown = (event) => {
            event.stopPropagation();  // the hosts interrupt the running job on Escape
            if (event.key === "ArrowLeft" || event.key === "ArrowRight") turn(event.key === "ArrowLeft" ? -1 : 1);
            else if (/^[0-5]$/.test(event.key)) giveStars(of)(me.category, Number(event.key) || null);
            else if (event.key === "u") unrate();
            else return;
            event.preventDefault();
        };
        return {
            node,
            open(which, others) {
                [of, row] = [which, others];
                node.showModal();
                quietly(show);
            },
        };
    }

    /** Writes a prompt into txt2img, with the way back. */
    function send(text) {
        const area = kit.page().querySelector("#txt2img_prompt textarea");
        if (!area) return complain(new Error("This page has no prompt of txt2img"));
        const before = area.value;
        kit.writeInto(area, text);
        say("The prompt is in txt2img. ", button("Go there", () => kit.showTab("txt2img")));
        return before === text ? null : view.undo.offer("The prompt of txt2img was replaced.", () => kit.writeInto(area, before));
    }

    // ---- Learning --------------------------------------------------------------------------------------------------

    const PLOT = { height: 230, left: 44, right: 12, top: 14, bottom: 30, low: 0.4 };

    /** Held-out accuracy over opinions, with its interval, beside what is possible and what is no art. */
    function drawPlot() {
        const node = el("div.pxl-growth");
        let told = null;

        function paint() {
            const width = Math.max(260, node.clientWidth);
            if (!told || !node.clientWidth) return;
            const points = told.curve;
            const most = Math.max(40, ...points.map(({ opinions }) => opinions));
            const least = Math.min(20, ...points.map(({ opinions }) => opinions));
            const x = (n) => PLOT.left + (Math.log2(n / least) / Math.log2(most / least)) * (width - PLOT.left - PLOT.right);
            const y = (share) => PLOT.height - PLOT.bottom
                - ((Math.max(PLOT.low, share) - PLOT.low) / (1 - PLOT.low)) * (PLOT.height - PLOT.top - PLOT.bottom);
            const point = (n, share) => `${x(n).toFixed(1)} ${y(share).toFixed(1)}`;
            const band = [...points.map((p) => point(p.opinions, p.high)), ...[...points].reverse().map((p) => point(p.opinions, p.low))];
            const text = (attributes, words) => {
                const made = svg("text", { class: "pxl-growth-text", ...attributes });
                made.textContent = words;
                return made;
            };
            const across = (share, kind) => svg("line", { class: `pxl-growth-${kind}`, x1: PLOT.left, x2: width - PLOT.right, y1: y(share), y2: y(share) });
            const level = ({ value, of }, kind, words, place) => (of ? [across(value, kind),
                text({ class: `pxl-growth-text pxl-growth-of-${kind}`, ...place, y: y(value) + place.y }, words)] : []);
            const grid = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1].flatMap((share) => [across(share, "grid"),
                text({ x: PLOT.left - 8, y: y(share) + 4, "text-anchor": "end" }, percent(share))]);
            const ticks = points.filter((p, i) => i === points.length - 1 || x(most) - x(p.opinions) > 60)
                .map((p) => text({ x: x(p.opinions), y: PLOT.height - 10, "text-anchor": p.opinions === most ? "end" : "middle" }, p.opinions.toLocaleString("en")));
            const dots = points.map((p) => {
                const title = svg("title");
                title.textContent = `${percent(p.value)} (${percent(p.low)} to ${percent(p.high)}) with ${p.opinions} opinions`;
                return svg("circle", { class: "pxl-growth-dot", cx: x(p.opinions), cy: y(p.value), r: 4 }, title);
            });
            const last = points.at(-1);
            const words = last ? `Held-out accuracy over opinions: ${percent(last.value)} with ${last.opinions}` : "Held-out accuracy";
            node.replaceChildren(svg("svg", { width, height: PLOT.height, viewBox: `0 0 ${width} ${PLOT.height}`, role: "img", "aria-label": words },
                ...grid, svg("path", { class: "pxl-growth-band", d: points.length ? `M${band.join("L")}Z` : "" }),
                ...level(told.base, "base", "always the same answer", { x: width - PLOT.right, y: 14, "text-anchor": "end" }),
                ...level(told.same, "same", "you, asked again", { x: PLOT.left + 6, y: -5 }),
                svg("path", { class: "pxl-growth-line", d: points.length ? `M${points.map((p) => point(p.opinions, p.value)).join("L")}` : "" }), ...dots, ...ticks));
        }
        new ResizeObserver(paint).observe(node);
        return { node, show(taste) { told = taste; paint(); } };
    }

    /** Lengths are told as a person would say them. */
    const spoken = (label) => label.replace(/^(words|phrases)=(\S+)$/, "$2 $1");

    /** One part and what it adds, as a bar around a middle. */
    function drawPull({ label, mean, std, sure }, most, ...more) {
        const width = (Math.min(1, Math.abs(mean) / most) * 50).toFixed(1);
        const doubt = (Math.min(1, std / most) * 50).toFixed(1);
        const bar = el("span.pxl-pull-bar", { style: `--pxl-pull: ${width}%; --pxl-doubt: ${doubt}%` }, el("span"));
        bar.classList.add(mean < 0 ? "pxl-is-down" : "pxl-is-up");
        return el("div.pxl-pull", { title: sure ? "Beyond doubt" : "Not sure yet" },
            el("span.pxl-pull-name", { title: label }, spoken(label)), bar,
            el("span.pxl-pull-figure", {}, `${signed(mean)} ± ${std.toFixed(2)}`),
            el("span.pxl-pull-sure", { "aria-label": sure ? "sure" : "not sure" }, sure ? "sure" : ""), ...more);
    }

    const widest = (pulls) => Math.max(0.3, ...pulls.map(({ mean }) => Math.abs(mean)));

    function drawLearning() {
        const headline = el("div.pxl-headline");
        const plot = drawPlot();
        const words = el("div.pxl-lessons");
        const train = primary("Learn", () => begin());
        const on = el("input.pxl-switch", { type: "checkbox", role: "switch", checked: recall("auto", false) });
        const n = el("input.pxl-text.pxl-auto-n", { type: "number", min: 1, max: 10000, step: 1, value: recall("auto_n", 20), "aria-label": "New opinions before it learns again" });
        const told = el("span.pxl-count");
        const node = el("section.pxl-learning", { "aria-label": "Learning" }, headline,
            el("div.pxl-line.pxl-train", {}, train, told, el("label.pxl-switch-label.pxl-auto", {}, on, el("span", {}, "by itself after"), n, el("span", {}, "new opinions"))),
            plot.node, words);
        let turn = 0;

        on.onchange = () => remember("auto", on.checked);
        n.onchange = () => { n.value = Math.max(1, Math.round(Number(n.value) || 20)); remember("auto_n", Number(n.value)); };
        n.onkeydown = (event) => event.stopPropagation();

        const begin = (isQuiet = false) => (isQuiet ? quietly : run)(() => view.work.begin(post("fit")));

        async function load() {
            const mine = turn += 1;
            const status = await get("/status", { category: me.category });
            if (mine !== turn) return;
            me.fresh = status.new;
            me.opinions = status.opinions;
            show(status);
        }

        function show({ taste, opinions, new: fresh, up, down }) {
            train.disabled = !opinions;
            train.textContent = taste ? "Learn again" : "Learn";
            told.textContent = !opinions ? "" : taste ? (fresh > 0 ? `${plural(fresh, "opinion")} newer than what was learned` : "Up to date")
                : plural(opinions, "opinion");
            plot.node.hidden = !taste?.right.of;
            plot.show(taste);
            if (!taste) {
                headline.replaceChildren(el("h3", {}, opinions ? "Ready to learn" : "Nothing learned yet"), el("p", {}, opinions
                    ? `There ${opinions === 1 ? "is" : "are"} ${plural(opinions, "opinion")}. Press Learn: from about 20 on it begins to help.`
                    : "Answer some duels, or give some pictures stars: from about 20 opinions on it begins to help."));
                words.replaceChildren();
                return;
            }
            const { right, same, base } = taste;
            const share = (of, text) => (of.of ? [el("div.pxl-figure", {}, el("strong", {}, percent(of.value)), el("span", {}, text),
                el("small", {}, `${percent(of.low)} to ${percent(of.high)}, of ${of.of.toLocaleString("en")}`))] : []);
            headline.replaceChildren(el("div.pxl-figures", {}, ...share(right, "of pairs it had not seen told apart right"),
                ...share(same, "of your own repeated duels came out the same"), ...share(base, "by always the same answer")),
            el("p", {}, verdict(taste)));
            tellLessons(up, down);
        }

        function verdict({ right, same, base, opinions }) {
            const from = `From ${plural(opinions, "opinion")}: `;
            if (!right.of) return `${from}too few to say how good it is. Some more, and it will tell.`;
            if (right.low <= 0.5) return `${from}it may still be guessing. More opinions will show.`;
            if (base.of && right.low <= base.value) return `${from}better than chance, but not clearly better than always the same answer.`;
            if (same.of >= 10 && right.high >= same.value) return `${from}about as consistent with you as you are with yourself.`;
            return `${from}better than chance beyond doubt.`;
        }

        function tellLessons(up, down) {
            const most = widest([...up, ...down]);
            const part = (title, some) => el("div.pxl-lesson", {}, el("h4", {}, title),
                ...(some.length ? some.map((pull) => drawPull(pull, most)) : [el("p.pxl-note", {}, "Nothing yet.")]));
            const sure = [...up, ...down].filter((pull) => pull.sure).map(({ label }) => label);
            words.replaceChildren(
                el("p.pxl-lead", {}, sure.length ? `For ${me.category}, it is sure of ${sure.join(", ")}. The rest are guesses.`
                    : `For ${me.category}, it is sure of nothing yet: these are guesses.`),
                el("div.pxl-lesson-columns", {}, part("You seem to like", up), part("You seem not to like", down)));
        }

        return {
            node, train: begin, keys: {},
            auto: () => ({ on: on.checked, n: Number(n.value) || 20 }),
            opened: () => quietly(load), recategorized: () => { if (node.offsetParent) quietly(load); }, anew: () => { if (node.offsetParent) quietly(load); },
        };
    }

    // ---- Prompts: taken apart, and proposed ------------------------------------------------------------------------

    const PROPOSING = [
        { name: "n", kind: "number", label: "How many", default: 6, low: 1, high: 20, whole: true },
        { name: "boldness", kind: "number", label: "Boldness", default: 1, low: 0, high: 3, help: "How much is dared where little is known; 0 goes for the surest" },
        { name: "novelty", kind: "number", label: "Novelty", default: 0.3, low: 0, high: 2, help: "How unlike one another they are" },
    ];

    function drawPrompts() {
        const area = el("textarea.pxl-text.pxl-prompt-area", { rows: 3, placeholder: "Type or paste a prompt: its words take colour as your taste sees them", "aria-label": "A prompt to take apart" });
        const coloured = el("p.pxl-coloured", { "aria-live": "polite" });
        const score = el("p.pxl-score");
        const list = el("div.pxl-pulls");
        const template = el("textarea.pxl-text.pxl-prompt-area", { rows: 3, spellcheck: false, value: recall("template", ""),
            placeholder: "{an oil painting|a photo} of __animal__, … Empty: a template to begin with", "aria-label": "Template" });
        const owner = {};
        const fields = el("div.pxl-settings", {}, ...drawFields(at, owner, PROPOSING, () => {}).nodes);
        const go = primary("Propose", () => suggest());
        const found = el("div.pxl-proposals", { role: "list", "aria-label": "Proposals", "aria-live": "polite" });
        const made = drawMade();
        const offer = drawOffer(found);
        const node = el("section.pxl-prompts", { "aria-label": "Prompts" },
            el("div.pxl-half", {}, el("h3", {}, "Take a prompt apart"), area, score, coloured, list),
            el("div.pxl-half", {}, el("h3", {}, "Propose"), template, el("div.pxl-line.pxl-proposing", {}, fields, go), offer.node, made.node, found));
        let timer = 0;
        let turn = 0;

        function soon() {
            clearTimeout(timer);
            timer = setTimeout(look, 350);
        }

        const look = () => run(async () => {
            const mine = turn += 1;
            const text = area.value;
            if (!text.trim()) { coloured.replaceChildren(); list.replaceChildren(); score.textContent = ""; return; }
            const told = await post("analyze", { prompt: text, category: me.category });
            if (mine === turn && text === area.value) tell(text, told);
        });

        function tell(text, { mean, std, parts }) {
            const most = widest(parts);
            score.textContent = `For ${me.category}: ${signed(mean)} ± ${std.toFixed(2)} beside what you judged`;
            coloured.replaceChildren(...colour(text, parts, most));
            const clear = ({ mean: pull, std: doubt }) => Math.abs(pull) / doubt;
            const known = parts.filter((part) => clear(part) > 0.15).sort((a, b) => clear(b) - clear(a));
            const words = parts.filter((part) => part.start >= 0), unknown = words.filter((part) => !known.includes(part)).length;
            score.textContent += unknown ? `, knowing little of ${unknown} of its ${plural(words.length, "word")} and phrases` : "";
            list.replaceChildren(...known.slice(0, 14).map((part) => el("div.pxl-pull-row", {}, drawPull(part, most), ...instead(text, part))));
        }

        /** The text itself, its words on the colour of what they add: the smaller part wins where two overlap. */
        function colour(text, parts, most) {
            const taken = [];
            const spans = parts.filter(({ start }) => start >= 0).sort((a, b) => (a.end - a.start) - (b.end - b.start))
                .filter((part) => {
                    const isFree = taken.every((other) => part.end <= other.start || part.start >= other.end);
                    if (isFree) taken.push(part);
                    return isFree;
                }).sort((a, b) => a.start - b.start);
            const nodes = [];
            let done = 0;
            for (const part of spans) {
                const strength = Math.min(1, Math.abs(part.mean) / most);
                const word = el("mark.pxl-word", { title: `${part.label}: ${signed(part.mean)} ± ${part.std.toFixed(2)}${part.sure ? ", sure" : ""}`,
                    style: `--pxl-strength: ${Math.round(strength * 70)}%` }, text.slice(part.start, part.end));
                word.classList.add(part.mean < 0 ? "pxl-is-down" : "pxl-is-up");
                word.classList.toggle("pxl-is-sure", part.sure);
                nodes.push(text.slice(done, part.start), word);
                done = part.end;
            }
            return [...nodes, text.slice(done)];
        }

        function instead(text, part) {
            if (!part.instead.length) return [];
            const tries = part.instead.map((other) => {
                const made = button(other.label, () => {
                    if (part.start < 0) return;
                    area.value = text.slice(0, part.start) + other.label + text.slice(part.end);
                    look();
                });
                made.classList.add("pxl-instead");
                made.disabled = part.start < 0;
                made.title = `${signed(other.gain)} ± ${other.std.toFixed(2)}${other.sure ? ", sure" : ""}`;
                return made;
            });
            return [el("div.pxl-line.pxl-insteads", {}, el("span", {}, "Try"), ...tries)];
        }

        const suggest = () => run(async () => {
            go.disabled = true;
            try {
                remember("template", template.value);
                const values = Object.fromEntries(PROPOSING.map(({ name, default: usual }) => [name, owner[name] ?? usual]));
                const { proposals, template: used } = await post("propose", { template: template.value.trim(), category: me.category, ...values });
                if (!template.value.trim()) template.value = used;
                found.replaceChildren(...proposals.map((each) => drawProposal(each, offer.tickOf(each))));
                offer.show(proposals, used);
            } finally {
                go.disabled = false;
            }
        });

        function drawProposal({ prompt, mean, std, why }, tick) {
            const reasons = why.map((pull) => {
                const made = el("span.pxl-reason", { title: `${signed(pull.mean)} ± ${pull.std.toFixed(2)}${pull.sure ? ", sure" : ", not sure"}` },
                    `${pull.mean < 0 ? "−" : "+"} ${pull.label}`);
                made.classList.add(pull.mean < 0 ? "pxl-is-down" : "pxl-is-up");
                return made;
            });
            return el("div.pxl-proposal", { role: "listitem" }, el("p", {}, prompt),
                el("div.pxl-line", {}, tick, el("span.pxl-proposal-score", {}, `${signed(mean)} ± ${std.toFixed(2)}`), ...(reasons.length ? reasons : [el("small", {}, "a guess: little is known of its words yet")])),
                el("div.pxl-line", {}, button("Send to txt2img", () => send(prompt)), button("Copy", () => run(async () => { await kit.copyText(prompt); say("Copied."); })),
                    button("Take apart", () => take(prompt))));
        }

        function take(text) {
            open("prompts");
            area.value = text;
            look();
            area.focus();
        }

        area.oninput = soon;
        for (const each of [area, template]) each.onkeydown = (event) => event.stopPropagation();  // the hosts have keys of their own
        const again = () => { made.again(); if (area.value.trim() && node.offsetParent) look(); };
        return { node, keys: {}, take, opened: again, recategorized: again, anew: again, made };
    }

    /** Which proposals are to be made: those that are ticked, or the best. */
    function drawOffer(list) {
        const n = el("input.pxl-text.pxl-best-n", { type: "number", min: 1, max: 20, step: 1, value: recall("best_n", 3), "aria-label": "How many of the best" });
        const best = el("label.pxl-switch-label", {}, el("span", {}, "the best"), n);
        const make = primary("", () => generate());
        const node = el("div.pxl-line.pxl-offer", { hidden: true }, make, best,
            el("small", {}, "Made in the background with the settings of your newest picture, and recorded whatever the Record switch says."));
        let ticks = new Map();  // a proposal -> its box
        let template = "";

        function chosen() {
            const ticked = [...ticks].filter(([, box]) => box.checked).map(([each]) => each);
            return ticked.length ? ticked : [...ticks.keys()].sort((a, b) => b.mean - a.mean).slice(0, Number(n.value));
        }

        function tell() {
            const isTicked = [...ticks.values()].some((box) => box.checked);
            best.hidden = isTicked;
            make.textContent = isTicked ? `Generate and record the ${chosen().length} ticked` : "Generate and record";
            node.hidden = !ticks.size;
        }

        const generate = () => run(async () => {
            await view.work.begin(post("generate", { prompts: chosen().map(({ prompt }) => prompt), template }));
            for (const box of ticks.values()) box.checked = false;
            tell();
        });
        n.onchange = () => { n.value = Math.min(20, Math.max(1, Math.round(Number(n.value) || 3))); remember("best_n", Number(n.value)); };
        n.onkeydown = (event) => event.stopPropagation();
        list.addEventListener("change", tell);
        return {
            node,
            tickOf(each) {
                const box = el("input.pxl-proposal-tick", { type: "checkbox", "aria-label": `Generate “${each.prompt.slice(0, 80)}”` });
                each.box = box;
                return box;
            },
            show(proposals, used) {
                ticks = new Map(proposals.map((each) => [each, each.box]));
                template = used;
                tell();
            },
        };
    }

    /** The pictures that were made of proposals, ready to be judged. */
    function drawMade() {
        const node = el("div.pxl-shots.pxl-made", { role: "list", "aria-label": "Made of proposals" });
        const shown = new Map();  // id -> the picture
        let whose = me.profile;

        function draw(of) {
            const category = me.category;
            const face = drawFace(of);
            const stars = drawStars(category, of.stars[category], giveStars(of));
            watchers.add({ of, owner: node, stars: (name, value) => { if (name === category) stars.show(value); } });
            face.onclick = () => view.whole.open(of, [...shown.values()]);
            return el("div.pxl-shot-card", { role: "listitem", "aria-label": of.prompt }, face, stars.node,
                el("span.pxl-shot-told", { title: of.prompt }, of.prompt));
        }

        function again() {
            if (whose !== me.profile) shown.clear();
            whose = me.profile;
            for (const each of [...watchers]) if (each.owner === node) watchers.delete(each);
            node.replaceChildren(...[...shown.values()].reverse().map(draw));
        }
        return {
            node, again,
            add(pictures) {
                for (const of of pictures.filter(({ id }) => !shown.has(id))) {
                    shown.set(of.id, of);
                    node.prepend(draw(of));
                }
            },
        };
    }

    // ---- Data: categories, people, opinions as files ---------------------------------------------------------------

    function drawData() {
        const list = el("div.pxl-category-list");
        const person = el("select.pxl-select", { "aria-label": "Whose opinions" });
        const other = el("input.pxl-text", { type: "text", maxLength: 80, placeholder: "Another person", "aria-label": "Name of another person" });
        const picker = el("input", { type: "file", hidden: true, tabIndex: -1, accept: ".jsonl,.json,.csv,.txt" });
        const folder = el("input.pxl-text", { type: "text", spellcheck: false, placeholder: "A folder of pictures, on the host's machine",
            "aria-label": "A folder of pictures, on the host's machine" });
        const gather = button("Bring in its pictures", () => run(() => view.work.begin(post("gather", { path: folder.value.trim() }))));
        const node = el("section.pxl-data", { "aria-label": "Data" },
            el("h3", {}, "Categories"), el("p.pxl-facts", {}, "What you judge pictures by. A retired one is offered no more; its opinions stay."), list,
            el("h3", {}, "Your opinions"), el("p.pxl-facts", {}, "They are yours: take them with you, or bring others in. What is brought in twice counts once."),
            el("div.pxl-line", {}, button("Export as JSON lines", () => save("jsonl")), button("Export as CSV", () => save("csv")), button("Import a file…", () => picker.click()), picker),
            el("h3", {}, "Past work"), el("p.pxl-facts", {}, "Pictures made before, or elsewhere, that carry their prompt inside. Each comes in once."),
            el("div.pxl-line", {}, folder, gather),
            el("h3", {}, "Whose"), el("p.pxl-facts", {}, "Each person has pictures, opinions and a taste of their own."),
            el("div.pxl-line", {}, person, other));
        let told = "";

        const change = (how, asked) => run(async () => {
            me.categories = (await post(`categories/${how}`, asked)).categories;
            if (!active().includes(me.category)) choose(active()[0]);
            view.chips.show();
            show();
        });

        function show() {
            const now = JSON.stringify([me.categories, me.profile, me.profiles]);
            if (now === told || list.querySelector("input:focus")) return;
            told = now;
            list.replaceChildren(...(me.categories.length ? me.categories.map(drawCategory)
                : [el("p.pxl-note", {}, `None yet: the first opinion makes “${OVERALL}”. Add others above.`)]));
            person.replaceChildren(...[...new Set([me.profile, ...me.profiles])].map((name) => el("option", { value: name }, name)));
            person.value = me.profile;
        }

        function drawCategory({ name, opinions, retired, merged }) {
            const title = el("span.pxl-category-name", { title: name }, name);
            const row = el("div.pxl-category-row", {}, title, el("span.pxl-count", {}, plural(opinions, "opinion")));
            row.classList.toggle("pxl-is-retired", retired);
            const rename = button("Rename", () => {
                const field = el("input.pxl-text", { type: "text", value: name, maxLength: 80, "aria-label": `Name of ${name}` });
                const close = (commit) => {
                    const to = field.value.trim();
                    field.onblur = null;
                    field.replaceWith(title);
                    if (!commit || !to || to === name) return;
                    change("rename", { name, to }).then(() => view.undo.offer(`${name} is called ${to}.`, () => change("rename", { name: to, to: name })));
                    if (me.category === name) { me.category = to; remember("category", to); }
                };
                field.onblur = () => close(true);
                field.onkeydown = (event) => {
                    event.stopPropagation();
                    if (event.key === "Enter" || event.key === "Escape") close(event.key === "Enter");
                };
                title.replaceWith(field);
                field.focus();
                field.select();
            });
            const others = me.categories.filter((each) => each.name !== name).map((each) => each.name);
            const into = el("select.pxl-select", { "aria-label": `Merge ${name} into`, disabled: !others.length },
                el("option", { value: "" }, "Merge into…"), ...others.map((each) => el("option", { value: each }, each)));
            into.onchange = () => {
                const to = into.value;
                into.value = "";
                if (!to) return;
                change("merge", { name, into: to }).then(() => view.undo.offer(`${name} is part of ${to}.`, () => change("part", { name })));
            };
            const parts = merged.map((each) => button(`Part ${each}`, () => {
                change("part", { name: each }).then(() => view.undo.offer(`${each} is parted from ${name}.`, () => change("merge", { name: each, into: name })));
            }));
            const retire = retired ? button("Bring back", () => change("add", { name })) : button("Retire", () => {
                change("retire", { name }).then(() => view.undo.offer(`${name} is retired.`, () => change("add", { name })));
            });
            row.append(el("span.pxl-line", {}, ...parts, rename, into, retire));
            return row;
        }

        const save = (kind) => run(async () => {
            const answer = await ask(at, `taste/export?${query({ kind })}`);
            const url = URL.createObjectURL(await answer.blob());
            el("a", { href: url, download: `pxl-opinions.${kind}` }).click();
            setTimeout(() => URL.revokeObjectURL(url), 60000);
        });

        const bring = (file) => run(async () => {
            const kind = /\.csv$/i.test(file.name) ? "csv" : "jsonl";
            await view.work.begin(ask(at, `taste/import?${query({ kind })}`, "POST", file));
        });

        function become(name) {
            if (!name || name === me.profile) return;
            Object.assign(me, { profile: name, category: OVERALL, categories: [] });
            remember("profile", name);
            given.length = 0;
            view.duels.halt();
            for (const shelf of Object.values(shelves)) shelf.clear();
            run(async () => {
                await learnMe();
                for (const part of Object.values(view.parts)) part.anew?.();
            });
        }

        folder.onkeydown = (event) => {
            event.stopPropagation();
            if (event.key === "Enter") gather.click();
        };
        picker.onchange = () => { if (picker.files[0]) bring(picker.files[0]); picker.value = ""; };
        person.onchange = () => become(person.value);
        other.onkeydown = (event) => {
            event.stopPropagation();
            if (event.key !== "Enter") return;
            become(other.value.trim());
            other.value = "";
        };
        return { node, show, bring, keys: {}, opened: () => quietly(learnMe) };
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
                    view.prompts.made.add(work.made);
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
            for (const name of ["learning", "prompts", ...(work.kind === "train" ? [] : ["pictures"])]) view.parts[name].anew();
        }
        return { node, begin, watch, isBusy: () => watching };
    }

    // ---- Page ------------------------------------------------------------------------------------------------------

    const PARTS = { duels: "Duels", pictures: "Pictures", learning: "Learning", prompts: "Prompts", data: "Data" };
    const WRITING = "textarea, select, input:not([type=checkbox], [type=radio], [type=range])";
    let view = null;
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
        if (!view?.root.isConnected || view.root.offsetParent === null || view.whole.node.open) return;
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
        view = { root, error: el("p.pxl-error.pxl-line", { role: "alert" }), said: sentence("pxl-said") };
        view.undo = kit.undoBar(() => view.tabs.node.querySelector("[aria-selected=true]"));
        view.tabs = drawTabs();
        view.chips = drawChips();
        view.work = drawWork();
        view.whole = drawWhole();
        view.learning = drawLearning();
        view.prompts = drawPrompts();
        view.data = drawData();
        view.duels = drawDuels();
        view.parts = { duels: view.duels, pictures: drawGallery(), learning: view.learning, prompts: view.prompts, data: view.data };
        root.append(el("div.pxl-taste-head", {}, view.tabs.node, view.chips.node), view.work.node, view.error, view.said, view.undo.node,
            ...Object.values(view.parts).map((part) => part.node), view.whole.node);
        document.addEventListener("keydown", onKey, true);
        for (const part of Object.values(view.parts)) part.node.hidden = true;
        view.chips.show();
        view.tabs.show();
    }

    let place = null;

    kit.onScan(() => {
        const found = kit.page().querySelector(".pxl-taste[data-key]");
        if (!found || (found === place && found.firstChild) || (found !== place && place?.isConnected)) return;
        place = found;
        at.key = place.dataset.key;
        if (!view) drawView();
        place.replaceChildren(view.root);
        kit.whenSeen(place, () => run(async () => {
            await learnMe();
            const { new: fresh } = await get("/status", { category: me.category }).catch(() => ({ new: 0 }));
            me.fresh = fresh;
            open(shown);
        }));
    });

    window.pxl.taste = {
        /** What the stars under the hosts' galleries need. */
        get, rate, drawStars, active, at, me, learnMe, watchers,
    };
})();
