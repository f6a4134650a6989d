"""Forge: as A1111, but for its VAE and its text engines (Forge dfdcbab6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from modules import sd_hijack, sd_models, shared
from torch import Tensor

from lib_pxl.errors import HostError, Words
from lib_pxl.hosts.base import Vae, Wordbook
from lib_pxl.hosts.webui import T, WebuiHost, as_tensor, embedding, serial

TOLD = "pxl"  # what the infotext's list of embeddings says of ours: the prompt has their readable names
ENGINES = {"text_processing_engine": "l", "text_processing_engine_l": "l", "text_processing_engine_g": "g"}


def present() -> bool:
    """True in Forge itself, whose sd_hijack is a stub; reForge and Forge Classic keep A1111's."""
    return not hasattr(sd_hijack.model_hijack, "embedding_db")


class ForgeHost(WebuiHost):
    """What Forge has."""

    name = "Forge"

    def vae(self) -> Vae:
        """The VAE of the loaded checkpoint."""
        model = shared.sd_model
        vae = model.forge_objects.vae
        key = f"{model.filename}|{serial(vae.first_stage_model)}"
        return Vae(key, int(vae.downscale_ratio), int(vae.latent_channels), self.encode)

    def encode(self, pixels: Tensor) -> Tensor:
        """The mean of the posterior, through a clone of the VAE's patcher."""
        vae = shared.sd_model.forge_objects.vae.clone()
        vae.patcher.set_model_vae_regulation(lambda posterior: posterior.mode())
        latents = vae.encode(pixels.float().movedim(1, -1))
        return as_tensor(vae.first_stage_model.process_in(latents))

    def lexicon(self) -> Wordbook:
        """By the tokenizer of the first engine."""
        tables = {letter: table.detach().cpu() for letter, table in self._tables().items()}
        engine = next(engine for _, engine in _engines())
        return Wordbook(tables, lambda text: engine.tokenize([text])[0], lambda which: engine.tokenizer.decode([which]))

    def _tables(self) -> dict[str, Tensor]:
        tables = {letter: _table(engine) for letter, engine in _engines()}
        if not tables:  # Forge loads no model before the first job
            raise HostError("model", got=Words("none"), wanted="one that is loaded: generate a picture first")
        return tables

    def _as_job(self, job: Callable[[], T]) -> T:
        """In the main thread, as the page's own jobs: there, models move faster. It would swallow an error."""
        from modules_forge import main_thread

        made: list[T] = []
        problems: list[Exception] = []

        def work() -> None:
            try:
                made.append(job())
            except Exception as problem:  # noqa: BLE001  (raised again where it is waited for)
                problems.append(problem)

        main_thread.run_and_wait_result(work)
        if problems:
            raise problems[0]
        return made[0]

    def _settle(self) -> None:
        sd_models.forge_model_reload()

    def _read_embedding(self, path: Path) -> None:
        for _, engine in _engines():
            engine.embeddings.load_from_file(str(path), path.name)

    def embed(self, name: str, vectors: Mapping[str, Tensor]) -> None:
        """In the database of every engine, since SDXL has two."""
        from backend.text_processing.textual_inversion import Embedding

        for _, engine in _engines():
            made = embedding(Embedding, name, vectors)
            engine.embeddings.register_embedding(made)
            made.name = TOLD
            self._embedded.append((engine.embeddings, (name, made)))

    def forget(self) -> None:
        """Take our words out of every database that still holds them."""
        for database, (name, made) in self._embedded:
            made.name = name
            if database.word_embeddings.get(name) is made:
                database.register_embedding_by_name(None, name)
        self._embedded.clear()


def _engines() -> Iterator[tuple[str, Any]]:
    for attribute, letter in ENGINES.items():
        engine = getattr(shared.sd_model, attribute, None)
        if engine is not None:
            yield letter, engine


def _table(engine: Any) -> Tensor:
    return as_tensor(engine.text_encoder.transformer.text_model.embeddings.token_embedding.weight)
