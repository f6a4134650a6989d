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
        let address = "";
        let of = null;
        let stars = new Map();

        function show() {
            const names = taste.active();
            stars = new Map(names.map((name) => [name, taste.drawStars(name, of?.stars[name], give, names.length > 1)]));
            marks.replaceChildren(...[...stars.values()].map((each) => each.node));
        }

        async function find(path) {
            const { picture } = path ? await taste.get("/find", { path }) : { picture: null };
            if (picture) return picture;
            const hash = await hashOf(address).catch(() => "");
            return hash ? (await taste.get("/find", { hash })).picture : null;
        }

        /** The picture that is looked at now; stars are drawn once it is known whether there are any. */
        async function look(gallery) {
            const image = gallery.querySelector(".preview img, [data-testid=detailed-image]");
            const now = image?.getAttribute("src") ?? "";
            if (now === address) return;
            address = now;
            of = null;
            told.textContent = "";
            node.hidden = !now;
            if (!now) return;
            show();
            try {
                const found = await find(pathOf(now));
                if (now !== address) return;
                of = found;
                show();
            } catch { /* the first star will tell what is wrong */ }
        }

        async function give(category, value) {
            const now = address;
            told.textContent = "";
            try {
                of ??= await find(pathOf(now)) ?? await record(now);  // one just made may still be on its way
                if (now === address) await taste.rate(of, category, value);
            } catch (problem) {
                told.textContent = problem.message;
            }
        }

        /** A picture that was made without the switch. */
        async function record(now) {
            const path = pathOf(now);
            if (!path) throw new Error("This picture has no file of its own: switch “Record” on in the pxl panel and make another");
            const hash = await hashOf(now).catch(() => "");
            const { picture } = await askJSON(taste.at, "taste/record", "POST", { path, hash, profile: taste.me.profile });
            if (window.pxl.job(tab)?.record !== true) {
                told.replaceChildren("Recorded with its first star. ", button("Record every picture from now on", () => {
                    window.pxl.record(tab);
                    told.textContent = "From now on every picture is recorded.";
                }));
            }
            return picture;
        }

        taste.watchers.add({ get id() { return of?.id; }, stars: (category, value) => stars.get(category)?.show(value) });
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
