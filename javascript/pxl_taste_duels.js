/* pxl: the Duels of the Taste tab, where two pictures stand side by side and the better one is chosen.

   The next pairs are loaded before they are asked for, and an answer that finds the server silent is sent until it has
   arrived. What all parts share is pxl_taste.js's. */
(() => {
    "use strict";
    if (!window.pxl?.taste) return;
    const { el, button } = window.pxl.kit;
    const {
        view, open, me, recall, remember, sitting, plural, primary, say, complain, run, quietly, post, learnMe, counted,
        painted,
    } = window.pxl.taste;

    const RETRY = 3000;  // after which an answer is sent again to a server that was silent
    const AHEAD = 2;  // pairs that are loaded before they are asked for
    const LOOKED_BACK = 40;  // pairs that are not asked again in this sitting
    const TRIES = 4;  // where a file cannot be read as a picture
    const REST = 20;  // duels after which it is a good place to stop

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
                ...(fresh > 0 ? [primary("Learn from them", () => { open("learning"); view.parts.learning.train(); })] : []),
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

    window.pxl.taste.part("duels", drawDuels);
})();
