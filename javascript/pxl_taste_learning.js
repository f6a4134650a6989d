/* pxl: the Learning of the Taste tab: how good the learned taste is, how that has grown, and what it seems to like.

   Sections: Growth, Pulls, Learning. What all parts share is pxl_taste.js's. */
(() => {
    "use strict";
    if (!window.pxl?.taste) return;
    const { el, svg } = window.pxl.kit;
    const { view, me, recall, remember, plural, percent, signed, primary, run, quietly, get, post } = window.pxl.taste;

    // ---- Growth ----------------------------------------------------------------------------------------------------

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

    // ---- Pulls: the parts of a prompt, and what each adds ----------------------------------------------------------

    /** Lengths are told as a person would say them. */
    const spoken = (label) => label.replace(/^(words|phrases)=(\S+)$/, "$2 $1");

    /** One part and what it adds, as a bar around a middle. */
    function drawPull({ label, mean, std, sure }, most) {
        const width = (Math.min(1, Math.abs(mean) / most) * 50).toFixed(1);
        const doubt = (Math.min(1, std / most) * 50).toFixed(1);
        const bar = el("span.pxl-pull-bar", { style: `--pxl-pull: ${width}%; --pxl-doubt: ${doubt}%` }, el("span"));
        bar.classList.add(mean < 0 ? "pxl-is-down" : "pxl-is-up");
        return el("div.pxl-pull", { title: sure ? "Beyond doubt" : "Not sure yet" },
            el("span.pxl-pull-name", { title: label }, spoken(label)), bar,
            el("span.pxl-pull-figure", {}, `${signed(mean)} ± ${std.toFixed(2)}`),
            el("span.pxl-pull-sure", { "aria-label": sure ? "sure" : "not sure" }, sure ? "sure" : ""));
    }

    const widest = (pulls) => Math.max(0.3, ...pulls.map(({ mean }) => Math.abs(mean)));

    // ---- Learning --------------------------------------------------------------------------------------------------

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
            node, train: begin, keys: {}, drawPull, widest,
            auto: () => ({ on: on.checked, n: Number(n.value) || 20 }),
            opened: () => quietly(load), recategorized: () => { if (node.offsetParent) quietly(load); }, anew: () => { if (node.offsetParent) quietly(load); },
        };
    }

    window.pxl.taste.part("learning", drawLearning);
})();
