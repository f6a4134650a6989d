"""How the hosts treat prompts, in miniature: styles, batches, extra networks, the hires list, caches, editing and AND.

Their order is that of process_images_inner (A1111 1.10.1, Forge dfdcbab6); an encoder is a list of rows, one for each
word, and finds embeddings by the ids of letters in a table, as the hosts do.
"""

from __future__ import annotations

import re
import sys
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from lib_pxl.hosts import fake
from tests.webui.processing import Job, Processed, Webui, picture, sampled

WIDTH = 8
EDIT = re.compile(r"\[([^][:|]*):([^][:|]*):([\d.]+)\]")
NETWORK = re.compile(r"<(\w+):([^>]+)>")


class Shaped(dict[str, Any]):
    """prompt_parser.DictWithShape, which cannot be made without what is in it."""

    def __init__(self, x: dict[str, Any], shape: Any = None) -> None:
        super().__init__(x)

    @property
    def shape(self) -> Any:
        return self["crossattn"].shape


class Conditioning(list[str]):
    """prompt_parser.SdConditioning."""

    def __init__(self, prompts: Any, is_negative_prompt: bool = False, width: Any = None, height: Any = None) -> None:
        super().__init__(prompts)
        self.is_negative_prompt, self.width, self.height = is_negative_prompt, width, height


def learned(model: Any, prompts: Any, steps: int, hires_steps: Any = None, old: bool = False) -> list[list[Any]]:
    """prompt_parser.get_learned_conditioning, for one edit in a prompt."""
    made = []
    for prompt in prompts:
        edit = EDIT.search(prompt)
        pieces = [] if edit is None else [(int(float(edit[3]) * steps), edit[1])]
        pieces.append((steps, "" if edit is None else edit[2]))
        texts = [(end, prompt if edit is None else prompt.replace(edit[0], piece)) for end, piece in pieces]
        made.append([SimpleNamespace(end_at_step=end, cond=model.spell(text)) for end, text in texts])
    return made


def multicond(model: Any, prompts: Any, steps: int, hires_steps: Any = None, old: bool = False) -> Any:
    """prompt_parser.get_multicond_learned_conditioning."""
    batch = [
        [SimpleNamespace(schedules=each, weight=1.0) for each in learned(model, prompt.split("AND"), steps)]
        for prompt in prompts
    ]
    return SimpleNamespace(shape=(len(prompts),), batch=batch)


def stacked(conds: list[Any]) -> Any:
    """prompt_parser.stack_conds, of both kinds of model."""
    if isinstance(conds[0], dict):
        return Shaped({name: stacked([each[name] for each in conds]) for name in conds[0]})
    longest = max(len(each) for each in conds)
    return torch.stack([torch.cat([each, each[-1:].repeat(longest - len(each), 1)]) if each.ndim > 1 else each
                        for each in conds])  # fmt: skip


def at_step(schedule: Any, step: int) -> Any:
    return next((each.cond for each in schedule if step <= each.end_at_step), schedule[0].cond)


def reconstruct_cond_batch(c: Any, step: int) -> Any:
    """prompt_parser.reconstruct_cond_batch."""
    return stacked([at_step(each, step) for each in c])


def reconstruct_multicond_batch(c: Any, step: int) -> Any:
    """prompt_parser.reconstruct_multicond_batch."""
    parts = [part for parts in c.batch for part in parts]
    return [[(0, 1.0)] for _ in c.batch], stacked([at_step(each.schedules, step) for each in parts])


PARSER = {
    "SdConditioning": Conditioning,
    "get_learned_conditioning": learned,
    "get_multicond_learned_conditioning": multicond,
    "reconstruct_cond_batch": reconstruct_cond_batch,
    "reconstruct_multicond_batch": reconstruct_multicond_batch,
}


class Database:
    """Forge's EmbeddingDatabase."""

    def __init__(self) -> None:
        self.ids_lookup: dict[int, list[Any]] = {}
        self.word_embeddings: dict[str, Any] = {}

    def register_embedding(self, embedding: Any) -> None:
        self.register_embedding_by_name(embedding, embedding.name)

    def register_embedding_by_name(self, embedding: Any, name: str) -> None:
        ids = [ord(letter) for letter in name]
        known = self.ids_lookup.setdefault(ids[0], [])
        if name in self.word_embeddings:
            known[:] = [pair for pair in known if pair[1].name != name]
        if embedding is None:
            self.word_embeddings.pop(name, None)
            if not known:
                del self.ids_lookup[ids[0]]
        else:
            known.append((ids, embedding))
            self.word_embeddings[name] = embedding


class Speaker:
    """The text side of a loaded model; `wide` is SDXL's kind of conditioning, with a pooled vector."""

    def __init__(self, host: Webui, wide: bool = False) -> None:
        self.host, self.wide, self.used = host, wide, set[str]()
        self.database = Database() if host.flavour == "Forge" else host.hijack.embedding_db
        model = host.shared.sd_model
        model.spell = self.spell
        if host.flavour == "Forge":
            table = SimpleNamespace(weight=torch.zeros(16, WIDTH))
            embeddings = SimpleNamespace(token_embedding=table)
            encoder = SimpleNamespace(transformer=SimpleNamespace(text_model=SimpleNamespace(embeddings=embeddings)))
            model.text_processing_engine = SimpleNamespace(embeddings=self.database, text_encoder=encoder)

    def spell(self, text: str) -> Any:
        said = [row for each in re.findall(r"\w+|[^\w\s]", text) for row in self._rows(each)]
        rows = torch.stack([fake._made_up("")[0], *said])
        return {"crossattn": rows, "vector": rows.mean(0)} if self.wide else rows

    def _rows(self, word: str) -> Any:
        ids = [ord(letter) for letter in word]
        for known, embedding in self.database.ids_lookup.get(ids[0], []):
            if known == ids:
                self.used.add(embedding.name)
                assert embedding.vectors == len(embedding.vec)
                return embedding.vec
        return fake._made_up(word)


class PromptJob(Job):
    """processing.StableDiffusionProcessingTxt2Img, as far as prompts go."""

    caches: ClassVar[dict[str, list[Any]]] = {}

    def __init__(self, prompt: Any, negative: str = "", job: Any = None, **changes: Any) -> None:
        super().__init__(job)
        self.prompt, self.negative_prompt, self.styles, self.n_iter, self.cfg_scale = prompt, negative, "", 1, 7
        self.hr_prompt = self.hr_negative_prompt = ""
        self.hr_sampler_name, self.sampler_name, self.width, self.height = None, "Euler", 128, 128
        self.hr_upscale_to_x = self.hr_upscale_to_y = 256
        self.refine_at: int | None = None
        self.networks: list[str] = []
        self.infotexts: list[tuple[Any, ...]] = []
        self.file_names: list[str] = []
        self.all_hr_prompts: list[str] | None = None
        self.all_hr_negative_prompts: list[str] | None = None
        self.__dict__.update(changes)

    def _all(self, prompt: Any) -> list[str]:
        given = prompt if isinstance(prompt, list) else [prompt] * (self.batch_size * self.n_iter)
        return [f"{each}{self.styles}" for each in given]

    def loop(self, host: Webui) -> Tensor:
        """The host's main loop."""
        script, arguments, b = host.script, self.script_args, self.batch_size
        self.host = host
        self.all_prompts, self.all_negative_prompts = self._all(self.prompt), self._all(self.negative_prompt)
        if self.enable_hr:
            self.all_hr_prompts = self._all(self.hr_prompt or self.prompt)
            self.all_hr_negative_prompts = self._all(self.hr_negative_prompt or self.negative_prompt)
        self.main_prompt = self.all_prompts[0]
        script.process(self, *arguments)
        made = []
        for n in range(self.n_iter):
            here = slice(n * b, (n + 1) * b)
            self.iteration, self.seeds = n, list(range(n * b + 1, (n + 1) * b + 1))
            self.prompts, self.negative_prompts = self.all_prompts[here], self.all_negative_prompts[here]
            script.before_process_batch(self, *arguments, batch_number=n, prompts=self.prompts)
            self.prompts, self.extra_network_data = self._parsed(self.prompts)
            if self.enable_hr:
                assert self.all_hr_prompts is not None and self.all_hr_negative_prompts is not None
                self.hr_negative_prompts = self.all_hr_negative_prompts[here]
                self.hr_prompts, self.hr_extra_network_data = self._parsed(self.all_hr_prompts[here])
            script.process_batch(self, *arguments, batch_number=n, prompts=self.prompts)
            self.setup_conds()
            self._tell(here)
            noise = torch.stack([torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(s)) for s in self.seeds])
            named = self.prompts
            x = sampled(host, self, noise, None)
            if self.enable_hr:
                self.file_names += named
                x = self._again(x)
            self.prompts = self.all_prompts[here]
            self.file_names += self.prompts
            self._tell(here)
            made.append(x)
        self.processed = Processed(self, picture(torch.cat(made)), [], 0)
        script.postprocess(self, self.processed, *arguments)
        return torch.cat(made)

    def _again(self, x: Tensor) -> Tensor:
        self.is_hr_pass = True
        self.hr_c, self.hr_uc = self._both(self.hr_prompts, self.hr_negative_prompts, "hr")
        if self.host.flavour == "Forge":
            self.host.script.process_before_every_sampling(self, *self.script_args, x=x, noise=torch.zeros_like(x))
        x = sampled(self.host, self, torch.randn(x.shape, generator=torch.Generator().manual_seed(7)), x)
        self.is_hr_pass = False
        return x

    def setup_conds(self) -> None:
        self.firstpass_steps = self.steps
        self.c, self.uc = self._both(self.prompts, self.negative_prompts, "")

    def _both(self, prompts: Any, negatives: Any, kind: str) -> Any:
        caches = [self.caches.setdefault(f"{kind}{name}", [None, None]) for name in ("c", "uc")]
        forge_skips = self.host.flavour == "Forge" and self.cfg_scale == 1
        cond = self.get_conds_with_caching(multicond, Conditioning(prompts), self.steps, caches[:1], {})
        return cond, None if forge_skips else self.get_conds_with_caching(
            learned, Conditioning(negatives, True), self.steps, caches[1:], {}
        )

    def get_conds_with_caching(
        self, function: Any, required: Any, steps: int, caches: list[Any], network: Any, hires_steps: Any = None
    ) -> Any:
        key = (list(required), steps, hires_steps)
        for cache in caches:
            if cache[0] is not None and cache[0] == key:
                return cache[1]
        caches[0][:] = [key, function(self.host.shared.sd_model, required, steps, hires_steps, False)]
        return caches[0][1]

    def conds(self, step: int) -> tuple[Any, Any]:
        if self.refine_at == step and not self.is_hr_pass:  # another model, which knows nothing of our words
            self.refine_at = None
            database = self.host.shared.sd_model_speaker.database
            database.ids_lookup.clear()
            getattr(database, "word_embeddings", {}).clear()
            self.host.shared.sd_model = self.host.shared.sd_model_refiner
            self.host.fire("on_model_loaded", self.host.shared.sd_model)
            self.caches.clear()
            self.setup_conds()
        c, uc = (self.hr_c, self.hr_uc) if self.is_hr_pass else (self.c, self.uc)
        cond = reconstruct_multicond_batch(c, step)[1]
        return cond, None if uc is None else reconstruct_cond_batch(uc, step)

    def _parsed(self, prompts: list[str]) -> tuple[list[str], Any]:
        self.networks += [found[0] for prompt in prompts for found in NETWORK.findall(prompt)]
        return [NETWORK.sub("", prompt) for prompt in prompts], {}

    def _tell(self, here: slice) -> None:
        hires = (self.all_hr_prompts or [])[here], (self.all_hr_negative_prompts or [])[here]
        self.infotexts.append((self.all_prompts[here], self.all_negative_prompts[here], *hires))


def speaking(host: Webui, monkeypatch: pytest.MonkeyPatch, wide: bool = False) -> Speaker:
    """The host with a text encoder."""
    monkeypatch.setattr(PromptJob, "caches", {})
    for name, value in PARSER.items():
        monkeypatch.setattr(sys.modules["modules.prompt_parser"], name, value, raising=False)
    for name in ("backend", "backend.text_processing", "backend.text_processing.textual_inversion"):
        module = ModuleType(name)
        module.__path__ = []
        monkeypatch.setitem(sys.modules, name, module)
    kind = sys.modules["modules.textual_inversion.textual_inversion"].Embedding
    sys.modules["backend.text_processing.textual_inversion"].Embedding = kind  # type: ignore[attr-defined]
    speaker = Speaker(host, wide)
    host.shared.sd_model_speaker = speaker
    return speaker
