/* pxl: the Data of the Taste tab: categories, people, opinions as files, and past work.

   What all parts share is pxl_taste.js's. */
(() => {
    "use strict";
    if (!window.pxl?.taste) return;
    const { el, button, ask } = window.pxl.kit;
    const {
        view, choose, become, at, me, remember, active, plural, run, quietly, query, post, learnMe,
    } = window.pxl.taste;

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
                : [el("p.pxl-note", {}, `None yet: the first opinion makes “${active()[0]}”. Add others above.`)]));
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

    window.pxl.taste.part("data", drawData);
})();
