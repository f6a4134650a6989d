/* pxl: the Prompts of the Taste tab, where a prompt is taken apart, others are proposed, and pictures are made of them.

   Sections: Prompts, Offer, Made. What all parts share is pxl_taste.js's. */
(() => {
    "use strict";
    if (!window.pxl?.taste) return;
    const { el, button, drawFields, ...kit } = window.pxl.kit;
    const {
        view, open, at, me, recall, remember, plural, signed, primary, say, complain, run, post, drawFace, drawStars,
        giveStars, watchers,
    } = window.pxl.taste;

    // ---- Prompts ---------------------------------------------------------------------------------------------------

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
            const { drawPull, widest } = view.parts.learning;
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
        return { node, keys: {}, take, send, opened: again, recategorized: again, anew: again, made };
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

    // ---- Offer -----------------------------------------------------------------------------------------------------

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

    // ---- Made ------------------------------------------------------------------------------------------------------

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
            face.onclick = () => view.parts.pictures.whole.open(of, [...shown.values()]);
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

    window.pxl.taste.part("prompts", drawPrompts);
})();
