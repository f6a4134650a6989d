/* pxl: stars under the galleries of the hosts, for the picture that is looked at.

   The picture is known by its path, which stands in its address, or else by its content. One that was not recorded is
   recorded with its first star. What a star is, and how one is given, is pxl_taste.js's. */
(() => {
    "use strict";
    if (!window.pxl || window.pxl.stars) return;
    const { el, button, askJSON, ...kit } = window.pxl.kit;
    const taste = window.pxl.taste;
    const TABS = ["txt2img", "img2img"];
    const rows = new Map();  // by tab

    /** Where the host's machine has the picture at an address of its gallery; nothing for one that has no file. */
    function pathOf(address) {
        const found = /\/(?:gradio_api\/)?file=([^?#]+)/.exec(address);
        try {
            return found ? decodeURIComponent(found[1]) : "";
        } catch {
            return "";
        }
    }

    async function hashOf(address) {
        if (!window.crypto?.subtle) return "";  // a page over plain HTTP has none
        const data = await (await fetch(address)).arrayBuffer();
        const digest = await crypto.subtle.digest("SHA-256", data);
        return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    }

    function drawRow(tab) {
        const told = el("span.pxl-under-told", { "aria-live": "polite" });
        const marks = el("div.pxl-line");
        const node = el("div.pxl-panel.pxl-under", { hidden: true, role: "group", "aria-label": "Stars for the picture above" }, marks, told);
        let above = null;  // the picture that is looked at: {address, of, asked}
        let stars = new Map();

        function show() {
            const names = taste.active();
            if (names.join("\n") !== [...stars.keys()].join("\n")) {  // a star that is being clicked stays the same one
                stars = new Map(names.map((name) => [name, taste.drawStars(name, null, give, names.length > 1)]));
                marks.replaceChildren(...[...stars.values()].map((each) => each.node));
            }
            for (const [name, row] of stars) row.show(above?.of?.stars[name]);
        }

        async function find({ address }) {
            const path = pathOf(address);
            const { picture } = path ? await taste.get("/find", { path }) : { picture: null };
            if (picture) return picture;
            const hash = await hashOf(address).catch(() => "");
            return hash ? (await taste.get("/find", { hash })).picture : null;
        }

        /** A picture is looked up, or recorded, once at a time: stars that are given meanwhile wait for the same one. */
        function ask(mine, how) {
            mine.asked ??= how(mine).then((of) => { mine.of = of; }).finally(() => { mine.asked = null; });
            return mine.asked;
        }

        /** The picture that is looked at now; its stars are shown once it is known whether there are any. */
        async function look(gallery) {
            const image = gallery.querySelector(".preview img, [data-testid=detailed-image]");
            const address = image?.getAttribute("src") ?? "";
            if (address === (above?.address ?? "")) return;
            const mine = above = address ? { address, of: null, asked: null } : null;
            told.textContent = "";
            node.hidden = !mine;
            if (!mine) return;
            show();
            try {
                await ask(mine, find);
                if (mine === above && mine.of) show();
            } catch { /* the first star will tell what is wrong */ }
        }

        /** A star is for the picture that is shown as it is clicked, whatever is shown once that one is known. */
        async function give(category, value) {
            const mine = above;
            told.textContent = "";
            try {
                await mine.asked?.catch(() => {});
                // One just made may still have been on its way when it was looked up.
                if (!mine.of) await ask(mine, async () => await find(mine) ?? record(mine));
                await taste.rate(mine.of, category, value);
            } catch (problem) {
                told.textContent = problem.message;
            }
        }

        /** A picture that was made without the switch. */
        async function record({ address }) {
            const path = pathOf(address);
            if (!path) throw new Error("This picture has no file of its own: switch “Record” on in the pxl panel and make another");
            const hash = await hashOf(address).catch(() => "");
            const { picture } = await askJSON(taste.at, "taste/record", "POST", { path, hash, profile: taste.me.profile });
            if (window.pxl.job(tab)?.record !== true) {
                told.replaceChildren("Recorded with its first star. ", button("Record every picture from now on", () => {
                    window.pxl.record(tab);
                    told.textContent = "From now on every picture is recorded.";
                }));
            }
            return picture;
        }

        taste.watchers.add({ get of() { return above?.of; }, stars: (category, value) => stars.get(category)?.show(value) });
        return { node, look };
    }

    function mount(tab) {
        const gallery = kit.page().querySelector(`#${tab}_gallery`);
        if (!gallery) return;
        if (!rows.has(tab)) rows.set(tab, drawRow(tab));
        const row = rows.get(tab);
        if (row.gallery === gallery && row.node.isConnected) return;
        if (row.gallery !== gallery) {
            row.watch?.disconnect();
            row.watch = new MutationObserver(() => row.look(gallery));
            row.watch.observe(gallery, { subtree: true, childList: true, attributes: true, attributeFilter: ["src"] });
            row.gallery = gallery;
        }
        gallery.after(row.node);
        row.look(gallery);
    }

    kit.onScan(() => {
        const key = kit.page().querySelector(".pxl-key, .pxl-panel[data-key]")?.dataset.key;
        if (!key) return;
        if (!taste.at.key) {
            taste.at.key = key;
            taste.learnMe().catch(() => {});
        }
        for (const tab of TABS) mount(tab);
    });

    window.pxl.stars = rows;
})();
