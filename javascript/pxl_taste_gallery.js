/* pxl: the Pictures of the Taste tab, where they are looked for and given stars, and the whole picture over them.

   Sections: Gallery, Whole picture. What all parts share is pxl_taste.js's. */
(() => {
    "use strict";
    if (!window.pxl?.taste) return;
    const { el, button, ...kit } = window.pxl.kit;
    const {
        view, me, recall, remember, active, run, quietly, get, painted, drawFace, drawStars, giveStars, unrate,
        watchers,
    } = window.pxl.taste;

    const PAGE = 60;

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
        const whole = drawWhole();
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
            face.onclick = () => whole.open(of, cards.map((each) => each.of));
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
            else if (event.key === "Enter" || event.key === " ") whole.open(card.of, cards.map((each) => each.of));
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

        function opened() {
            quietly(filters.learn);
            if (!cards.length) restart();
            else quietly(catchUp);
        }

        return {
            node, whole,
            keys: { u: unrate, "/": () => filters.text.focus() },
            idle: { ArrowLeft: enter, ArrowRight: enter, ArrowUp: enter, ArrowDown: enter },
            recategorized: () => { for (const card of cards) card.show(); },
            opened,
            anew: restart,
        };

        /** What was made since comes in front; what is looked at stays where it is. */
        async function catchUp() {
            const mine = turn;
            const { pictures } = await get("/pictures", { limit: PAGE, ...filters.asked() });
            if (mine !== turn || !pictures.length) return;
            const known = pictures.findIndex((of) => of.id === cards[0].of.id);
            if (known < 0) {
                restart();
                return;
            }
            const topOf = (card) => card.node.getBoundingClientRect().top;
            const edge = Math.max(0, pool.getBoundingClientRect().top);
            const seen = topOf(cards[0]) < edge && cards.find((card) => topOf(card) >= edge);  // scrolled, the first in sight
            const high = seen && topOf(seen);
            const fresh = pictures.slice(0, known).map(drawCard);
            cards.unshift(...fresh);
            grid.prepend(...fresh.map((card) => card.node));
            if (!seen) return;
            const by = topOf(seen) - high;
            if (pool.scrollHeight > pool.clientHeight) pool.scrollTop += by;
            else window.scrollBy(0, by);
        }
    }

    // ---- Whole picture ---------------------------------------------------------------------------------------------

    function drawWhole() {
        const frame = el("div.pxl-whole-frame");
        const marks = el("div.pxl-whole-stars");
        const prompt = el("p.pxl-whole-prompt");
        const facts = el("dl.pxl-whole-facts");
        const turnTo = (by, label, sign) => el("button.pxl-whole-turn", { type: "button", "aria-label": label, onclick: () => turn(by) }, sign);
        const acts = el("div.pxl-line", {}, button("Send to txt2img", () => view.parts.prompts.send(told?.prompt ?? of.prompt)),
            button("Copy the prompt", () => run(() => kit.copyText(told?.prompt ?? of.prompt))),
            button("Take it apart", () => { node.close(); view.parts.prompts.take(told?.prompt ?? of.prompt); }), button("Close", () => node.close()));
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
            const found = await get(`/picture/${encodeURIComponent(of.id)}`);
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

    window.pxl.taste.part("pictures", drawGallery);
})();
