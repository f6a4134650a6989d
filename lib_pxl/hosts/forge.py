"""Forge: as A1111, but for its VAE and its text engines (Forge dfdcbab6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modules import sd_hijack, shared
from torch import Tensor

from lib_pxl.hosts.base import Vae
from lib_pxl.hosts.webui import WebuiHost, as_tensor, embedding, serial

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

    def widths(self) -> Mapping[str, int]:
        """The text encoders by their letters."""
        return {letter: int(_table(engine).shape[1]) for letter, engine in _engines()}

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
