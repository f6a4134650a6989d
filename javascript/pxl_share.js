/* pxl: the Share tab, where a person agrees to share opinions or does not, reads what would leave, and takes it back.

   The page holds <div class="pxl-panel pxl-share" data-key>; elements and server are pxl.js's. What is asked, the fields
   and the places come from the server, which also keeps every answer; here nothing is remembered.
   Sections: Words, Telling, Asking, Outbox, Log, Erasure, Page. Records hold what strangers wrote: they reach the page as
   text, never as markup. */
(() => {
    "use strict";
    if (!window.pxl || window.pxl.share) return;
    const { el, button, sentence, ask, askJSON, ...kit } = window.pxl.kit;

    const POLL = 2000;
    const at = { tab: "share", key: "" };
    let state = null;

    // ---- Words -----------------------------------------------------------------------------------------------------

    const NOWHERE = "There is no community endpoint until someone runs one: pxl brings no address along.";
    const ANSWERS = {
        "": "Nothing is shared. You were not asked yet.",
        no: "Nothing is shared. You said no, and can think otherwise at any time.",
        withdrawn: "Nothing is shared any more. You took it back.",
        outdated: "Nothing is shared. The text below has changed since you agreed, so you are asked again.",
    };
    const STATES = {
        ready: "ready", released: "on its way soon", leaving: "on its way", sent: "sent", refused: "not taken",
        stopped: "may have arrived before you took it back",
    };
    const ERASED = { wanted: "not asked yet", asked: "asked, not confirmed yet", confirmed: "confirmed" };

    const plural = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
    const size = (bytes) => (bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KiB`);
    /** The store's times are UTC. */
    const when = (text) => (text ? new Date(`${text.replace(" ", "T")}Z`).toLocaleString() : "");
    const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString();
    const labels = () => Object.values(state.fields).flat();
    const spoken = (names) => labels().filter(({ name }) => names.includes(name)).map(({ label }) => label.toLowerCase())
        .join(", ");
    const title = (text) => el("h3.pxl-share-title", {}, text);
    const part = (name, ...inside) => el("section.pxl-share-part", { "aria-label": name }, title(name), ...inside);

    // ---- Telling ---------------------------------------------------------------------------------------------------

    let busy = 0;

    /** Runs an act; what went wrong is told in one line. */
    async function run(act) {
        view.error.textContent = "";
        busy += 1;
        view.root.setAttribute("aria-busy", "true");
        try {
            return await act();
        } catch (problem) {
            view.error.textContent = problem.message;
            return null;
        } finally {
            busy -= 1;
            view.root.setAttribute("aria-busy", String(busy > 0));
        }
    }

    const wish = (name, data = {}) => run(async () => {
        view.said.textContent = "";
        const told = await askJSON(at, `share/${name}`, "POST", data);
        if (told.answer !== undefined) show(told);
        return told;
    });

    async function save(path, name) {
        const blob = await (await ask(at, path)).blob();
        const link = el("a", { href: URL.createObjectURL(blob), download: name });
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    }

    // ---- Asking ----------------------------------------------------------------------------------------------------

    function drawField({ name, label, help }, chosen) {
        const box = el("input.pxl-switch", { type: "checkbox", name, checked: chosen.includes(name) });
        return el("label.pxl-share-field", {}, box, el("span", {}, label, el("small", {}, help)));
    }

    function drawGroup([name, fields], chosen) {
        return el("fieldset.pxl-share-group", {}, el("legend", {}, name), ...fields.map((each) => drawField(each, chosen)));
    }

    /** Where it goes: the one community's address, or the parts of a bucket. */
    function drawPlace(place, was) {
        const kinds = place.find(({ name }) => name === "kind").choices;
        const boxes = {};
        const rows = place.filter(({ name }) => name !== "kind").map(({ name, label, help }) => {
            boxes[name] = el("input.pxl-text", { type: name === "url" ? "url" : "text", name, value: was[name] ?? "",
                placeholder: help, spellcheck: false, autocomplete: "off" });
            return el("label.pxl-share-place", {}, el("span", {}, label), boxes[name]);
        });
        const chosen = () => radios.find(({ checked }) => checked).value;
        const radios = kinds.map(({ value }) => el("input", { type: "radio", name: "pxl_share_kind", value,
            checked: value === (was.kind ?? kinds[0].value), onchange: () => fit() }));
        const choices = el("div.pxl-choices", { role: "radiogroup", "aria-label": "To whom" },
            ...kinds.map(({ label, help }, i) => el("label.pxl-choice", { title: help }, radios[i], el("span", {}, label))));
        const note = el("p.pxl-facts", {}, NOWHERE);
        const fit = () => {
            const isBucket = chosen() === "bucket";
            for (const row of rows) row.hidden = !isBucket && !row.contains(boxes.url);
            boxes.url.previousSibling.textContent = isBucket ? "Server" : "Address";
            boxes.url.placeholder = isBucket ? "empty for AWS; https://… for a server like S3" : "https://…";
            note.hidden = isBucket;
        };
        fit();
        const read = () => {
            const kind = chosen();
            const names = kind === "bucket" ? Object.keys(boxes) : ["url"];
            return { kind, ...Object.fromEntries(names.map((name) => [name, boxes[name].value.trim()])) };
        };
        const node = el("fieldset.pxl-share-group.pxl-share-where", {}, el("legend", {}, "To whom"), choices, note, ...rows);
        return { node, read };
    }

    function drawAsking() {
        const was = state.agreed ?? { fields: [], target: {} };
        const groups = Object.entries(state.fields).map((group) => drawGroup(group, was.fields));
        const place = drawPlace(state.place, was.target);
        const sample = el("div.pxl-share-sample", { "aria-live": "polite" });
        const form = el("form.pxl-share-form", { onsubmit: (event) => event.preventDefault() });
        const fields = () => Object.fromEntries([...form.querySelectorAll(".pxl-share-field input")]
            .map(({ name, checked }) => [name, checked]));
        const look = button("Show what this would share", async () => {
            const told = await wish("example", { fields: fields() });
            if (told) sample.replaceChildren(...drawExample(told));
        });
        const yes = button("Yes, share this", () => wish("agree",
            { version: state.version, fields: fields(), target: place.read() }));
        const no = state.agreed ? button("No, leave it as it is", () => { view.changing = false; redraw(); })
            : button("No, share nothing", () => wish("refuse"));
        const text = Object.entries(state.text).map(([name, words]) => [el("dt", {}, name), el("dd", {}, words)]).flat();
        form.append(el("dl.pxl-share-text", {}, ...text), el("div.pxl-share-groups", {}, ...groups), place.node,
            el("div.pxl-line", {}, look), sample, el("div.pxl-share-answer", {}, yes, no));
        return part(state.agreed ? "What is shared" : "Share your opinions?", form);
    }

    function drawExample({ count, lines }) {
        if (!count) return [el("p.pxl-facts", {}, "You have no such opinions yet, so there is nothing to show.")];
        const note = `The newest ${plural(lines.length, "record")} of ${plural(count, "opinion")}, each as it would leave, but `
            + "for its key, which it gets in the outbox.";
        return [el("p.pxl-facts", {}, note), ...lines.map((line) => el("pre.pxl-share-record", {}, line))];
    }

    // ---- Outbox ----------------------------------------------------------------------------------------------------

    const batches = new Map();  // id -> what is drawn of it

    /** A batch, whose records are fetched when it is opened; `strike` where they can still be kept. */
    function drawBatch(given, canStrike) {
        const head = el("summary");
        const body = el("div.pxl-share-batch");
        const node = el("details.pxl-fold", {}, head, body);
        let drawn = false;

        function tell(told) {
            const facts = [plural(told.count, "record"), size(told.size), STATES[told.state]];
            if (told.left) facts.unshift(when(told.left));
            if (told.state === "refused" || told.state === "stopped") facts.push(told.error);
            head.textContent = facts.filter(Boolean).join(" · ");
        }

        async function open() {
            const told = await askJSON(at, `share/batches/${given.id}`);
            const keep = button("Save these bytes", () => run(() => save(`share/batches/${given.id}/file`,
                `${given.id}.jsonl.gz`)));
            body.replaceChildren(
                el("p.pxl-facts", {}, `To ${told.target}. The first line is the envelope. As gzip it has ${size(told.size)}, `
                    + `SHA-256 ${told.sha256}.`), el("pre.pxl-share-record", {}, told.envelope),
                ...told.lines.map((line) => drawRecord(line, canStrike)), el("div.pxl-line", {}, keep));
        }

        node.ontoggle = () => {
            if (!node.open || drawn) return;
            drawn = true;
            run(open);
        };
        tell(given);
        return { node, tell };
    }

    function drawRecord(line, canStrike) {
        const text = el("pre.pxl-share-record", {}, line);
        if (!canStrike) return text;
        const strike = button("Strike out", async () => {
            const next = row.nextElementSibling?.querySelector("button") ?? row.previousElementSibling?.querySelector("button");
            const told = await wish("strike", { keys: [JSON.parse(line).key] });
            if (told) view.said.textContent = "Struck out: it never leaves.";
            (next?.isConnected ? next : view.outbox.querySelector("button"))?.focus();
        });
        const row = el("div.pxl-share-row", {}, text, strike);
        return row;
    }

    /** What is drawn of a list of batches; those that are there already stay, and stay open. */
    function list(given, canStrike) {
        const first = given.length === 1 && canStrike;
        return given.map((each) => {
            if (!batches.has(each.id)) {
                batches.set(each.id, drawBatch(each, canStrike));
                if (first) batches.get(each.id).node.open = true;
            }
            batches.get(each.id).tell(each);
            return batches.get(each.id).node;
        });
    }

    function drawOutbox() {
        const ready = state.batches.filter((each) => each.state === "ready");
        const going = [...state.batches.filter((each) => each.state === "released"), ...state.leaving];
        const count = ready.reduce((sum, each) => sum + each.count, 0);
        const inside = [el("div.pxl-line", {}, button("Look at what would leave", () => wish("prepare")))];
        if (state.waiting) inside.push(el("p.pxl-facts", {}, `${plural(state.waiting, "record")} not packed yet.`));
        if (!ready.length) inside.push(el("p.pxl-facts", {}, "No record is ready to leave."));
        inside.push(...list(ready, true));
        if (ready.length) {
            inside.push(el("div.pxl-line", {}, button(`Send ${count === 1 ? "this record" : `these ${plural(count, "record")}`} now`,
                () => wish("send", { batches: ready.map(({ id }) => id) }))));
        }
        if (going.length) inside.push(...drawGoing(going));
        if (state.struck.length) {
            inside.push(el("div.pxl-line", {}, el("span.pxl-facts", {}, `${plural(state.struck.length, "record")} struck out.`),
                button("Take up again", () => wish("spare", { keys: state.struck }))));
        }
        view.outbox = part("Outbox", ...inside);
        return view.outbox;
    }

    function drawGoing(going) {
        const troubled = going.find(({ error }) => error);
        const told = troubled ? `Next try at ${clock(troubled.due)}. ${troubled.error}` : "On its way.";
        return [
            el("p.pxl-facts", { role: "status" }, `${plural(going.length, "batch", "batches")} to be sent. ${told}`),
            ...list(going, false),
            ...(troubled ? [el("div.pxl-line", {}, button("Try now", () => wish("hurry")))] : []),
        ];
    }

    function drawAgreed() {
        const { agreed } = state;
        const rater = el("code", { title: agreed.rater }, `${agreed.rater.slice(0, 12)}…`);
        const facts = el("p", {}, `You share ${spoken(agreed.fields)} with `, el("strong", {}, agreed.name),
            ", under the name ", rater, ` since ${when(agreed.since)}.`);
        return part("You share your opinions", facts, el("div.pxl-line", {},
            button("Withdraw", () => wish("withdraw")),
            button("Change what is shared", () => { view.changing = true; redraw(); }),
            button("Save the key for another machine", () => run(() => save("share/key", `pxl-${agreed.rater.slice(0, 8)}.key`)))));
    }

    // ---- Log -------------------------------------------------------------------------------------------------------

    function drawLog() {
        const body = el("div.pxl-share-batch");
        const node = el("details.pxl-fold", {}, el("summary", {}, "Everything that ever left, and every answer you gave"), body);
        const learn = async (before = "") => {
            const told = await askJSON(at, `share/log${before ? `?before=${before}` : ""}`);
            const last = told.batches.at(-1);
            if (!before) {
                body.replaceChildren(...(last ? [] : [el("p.pxl-facts", {}, "Nothing has ever left.")]),
                    el("ul.pxl-share-receipts", {}, ...told.receipts.map(drawReceipt)));
            }
            const receipts = body.querySelector(".pxl-share-receipts");
            receipts.before(...told.batches.map((each) => drawBatch(each, false).node));
            if (told.batches.length === 100) {
                const more = button("Older ones", () => { more.remove(); run(() => learn(last.id)); });
                receipts.before(more);
            }
        };
        node.ontoggle = () => { if (node.open) run(learn); };
        return { node, renew: () => { if (node.open) run(learn); } };
    }

    function drawReceipt({ answer, version, fields, target, time }) {
        const to = target.url || target.bucket;
        const what = answer === "yes" ? `yes to text ${version}: ${spoken(fields)}, to ${to}` : answer;
        return el("li", {}, `${when(time)}: ${what}`);
    }

    // ---- Erasure ---------------------------------------------------------------------------------------------------

    function drawErasure() {
        const rows = state.erasures.map((each) => {
            const told = each.state === "confirmed" ? `confirmed ${when(each.confirmed)}`
                : `${ERASED[each.state]}, next try at ${clock(Math.max(each.due, Date.now() / 1000))}`;
            return el("li", {}, `${each.target}: ${told}${each.error ? `. ${each.error}` : ""}`);
        });
        const isOpen = state.erasures.some((each) => each.state !== "confirmed");
        const inside = [];
        if (rows.length) inside.push(el("ul.pxl-share-receipts", { role: "status" }, ...rows));
        if (isOpen) inside.push(el("div.pxl-line", {}, button("Ask now", () => wish("hurry"))));
        const sure = el("div.pxl-line", { hidden: true },
            el("span", {}, "Withdraw, and have all that was sent erased?"), button("Erase", () => wish("erase")),
            button("Keep", () => { sure.hidden = true; open.hidden = false; open.focus(); }));
        const open = button("Erase everything that was sent", () => {
            open.hidden = true;
            sure.hidden = false;
            sure.querySelector("button").focus();
        });
        if (state.left) inside.push(el("div.pxl-line", {}, open), sure);
        return part("Erase", ...inside);
    }

    // ---- Page ------------------------------------------------------------------------------------------------------

    let view = null;
    let timer = 0;

    function drawView() {
        const root = el("div.pxl-sharing");
        view = { root, changing: false, error: el("p.pxl-error", { role: "alert" }), said: sentence("pxl-said"),
            status: sentence("pxl-share-status"), body: el("div.pxl-share-body"), log: null };
        root.append(view.status, view.error, view.said, view.body);
    }

    let drawn = "";

    function show(told) {
        const before = state;
        state = told;
        if (told.here && JSON.stringify(before?.agreed) !== JSON.stringify(told.agreed)) view.changing = false;
        const text = JSON.stringify(told);
        if (text !== drawn) redraw();
        if (told.here && before && hasMore(before, told)) view.log.renew();
        drawn = text;
        clearTimeout(timer);
        if (isUnderWay()) timer = setTimeout(look, POLL);
    }

    /** Whether the log may have something that it had not. */
    const hasMore = (before, now) => ["answer", "agreed", "leaving", "left"].some((name) =>
        JSON.stringify(before[name]) !== JSON.stringify(now[name]));

    const isUnderWay = () => state.here && !state.closed && (state.leaving.length > 0
        || state.batches.some((each) => each.state === "released") || state.erasures.some((each) => each.state !== "confirmed"));

    function redraw() {
        const closed = state.closed ? `${state.closed}. ` : "";
        if (!state.here) {
            view.status.textContent = `${closed}To agree to share your opinions, or to take it back, ${state.where}.`;
            view.body.replaceChildren();
            return;
        }
        view.status.textContent = closed || (state.agreed ? "" : ANSWERS[state.answer]);
        view.log ??= drawLog();
        const parts = [];
        const isAsking = (!state.agreed || view.changing) && !state.closed;
        if (state.agreed && !view.changing) parts.push(drawAgreed(), drawOutbox());
        if (isAsking) parts.push(drawAsking());
        if (!state.agreed && state.leaving.length) parts.push(part("On its way", ...drawGoing(state.leaving)));
        if (state.left || state.erasures.length) parts.push(drawErasure());
        view.body.replaceChildren(...parts, view.log.node);
    }

    async function look() {
        if (!view.root.isConnected) return;
        const told = await askJSON(at, "share").catch((problem) => void (view.error.textContent = problem.message));
        if (told) show(told);
    }

    let place = null;

    kit.onScan(() => {
        const found = kit.page().querySelector(".pxl-share[data-key]");
        if (!found || (found === place && found.firstChild) || (found !== place && place?.isConnected)) return;
        place = found;
        at.key = place.dataset.key;
        if (!view) drawView();
        place.replaceChildren(view.root);
        kit.whenSeen(place, look);
    });

    window.pxl.share = {
        /** Asks the server anew. */
        refresh: () => view && look(),
    };
})();
