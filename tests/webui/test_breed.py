"""What breeding needs of A1111 and Forge: words, thumbnails under the host's queue, embeddings as files."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from lib_pxl.errors import HostError
from lib_pxl.noken import Noken
from tests.noken.people import noken
from tests.webui.processing import Table, Webui

FOX = noken(2, 3, {"l": 8}, "red fox")


class Tokenizer:
    """Every letter is a token."""

    def __call__(self, texts: Any, **more: Any) -> Mapping[str, list[list[int]]]:
        return {"input_ids": [[ord(c) % 16 for c in text] for text in texts]}

    def decode(self, ids: list[int]) -> str:
        return chr(ord("a") + ids[0])


class Database:
    """Forge's EmbeddingDatabase, one for each engine."""

    def __init__(self) -> None:
        self.word_embeddings: dict[str, Any] = {}
        self.read: list[str] = []

    def register_embedding(self, made: Any) -> None:
        self.word_embeddings[made.name] = made

    def register_embedding_by_name(self, made: Any, name: str) -> None:
        self.word_embeddings.pop(name)

    def load_from_file(self, path: str, name: str) -> None:
        assert Path(path).name == name
        self.read.append(Noken.load(path).hash)


class Studio:
    """A host in which one can see what a thumbnail does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, flavour: str) -> None:
        self.webui = Webui(monkeypatch, folder, flavour)
        self.jobs: list[Any] = []
        self.log: list[str] = []
        self.known: list[Any] = []  # the words that each job's prompt found
        self.lock = sys.modules["modules.call_queue"].queue_lock
        self.shared, self.folder = self.webui.shared, folder
        self.fails: Exception | None = None
        state = SimpleNamespace(begin=lambda job: self.log.append("begin"), end=lambda: self.log.append("end"))
        state.interrupted = state.skipped = False
        monkeypatch.setattr(self.shared, "state", state)
        self.shared.total_tqdm = SimpleNamespace(clear=lambda: self.log.append("clear"))
        self.shared.cmd_opts.embeddings_dir = str(folder / "embeddings")
        processing = sys.modules["modules.processing"]
        monkeypatch.setattr(processing, "StableDiffusionProcessingTxt2Img", self.job, raising=False)
        monkeypatch.setattr(processing, "process_images", self.process, raising=False)
        if flavour == "Forge":
            self._forge(monkeypatch)
        else:
            self._a1111()
        self.webui.reload()
        import scripts.pxl as door

        self.host = door.host

    def _a1111(self) -> None:
        engine = self.shared.sd_model.cond_stage_model
        engine.tokenizer = Tokenizer()
        self.reads: list[bool] = []
        self.webui.hijack.embedding_db.load_textual_inversion_embeddings = lambda force_reload: self.reads.append(
            force_reload and self.lock.locked()
        )

    def _forge(self, monkeypatch: pytest.MonkeyPatch) -> None:
        table = torch.randn(16, 8)
        inner = SimpleNamespace(embeddings=SimpleNamespace(token_embedding=SimpleNamespace(weight=table)))
        self.engine = SimpleNamespace(
            text_encoder=SimpleNamespace(transformer=SimpleNamespace(text_model=inner)),
            tokenizer=Tokenizer(), embeddings=Database(), tokenize=lambda texts: Tokenizer()(texts)["input_ids"],
        )  # fmt: skip
        self.shared.sd_model.text_processing_engine = self.engine
        for name in (
            "backend",
            "backend.text_processing",
            "backend.text_processing.textual_inversion",
            "modules_forge",
        ):
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
        embedding = lambda vec, name: SimpleNamespace(vec=vec, name=name)  # noqa: E731
        sys.modules["backend.text_processing.textual_inversion"].Embedding = embedding  # type: ignore[attr-defined]
        sys.modules["modules_forge"].main_thread = SimpleNamespace(run_and_wait_result=self.main)  # type: ignore[attr-defined]

    def main(self, work: Any) -> None:
        """Forge's main thread, which prints an error and gives nothing."""
        self.log.append("main")
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    def job(self, **given: Any) -> Any:
        made = SimpleNamespace(scripts=None, close=lambda: self.log.append("close"), **given)
        self.jobs.append(made)
        return made

    def process(self, p: Any) -> Any:
        assert self.lock.locked(), "the host's queue is held"
        self.log.append("process")
        self.known.append(self.words())
        (self.folder / "params.txt").write_text("a thumbnail's")
        if self.fails is not None:
            raise self.fails
        return SimpleNamespace(images=[Image.new("RGB", (p.width, p.height))])

    def words(self) -> list[str]:
        if self.webui.flavour == "Forge":
            return list(self.engine.embeddings.word_embeddings)
        return [made.name for pairs in self.webui.hijack.embedding_db.ids_lookup.values() for _, made in pairs]

    def draw(self, size: int = 64) -> Image.Image:
        made: Image.Image = self.host.draw("a pxlabc", {"pxlabc": FOX.vectors}, 5, 6, size, 4.0)
        return made


@pytest.fixture(params=["A1111", "Forge"])
def studio(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Studio:
    return Studio(monkeypatch, tmp_path, request.param)


def test_a_thumbnail_is_a_job_of_the_host_without_scripts_and_files(studio: Studio) -> None:
    assert studio.draw().size == (64, 64)
    (p,) = studio.jobs
    assert (p.prompt, p.seed, p.steps, p.cfg_scale, p.scripts) == ("a pxlabc", 5, 6, 4.0, None)
    assert p.do_not_save_samples and p.do_not_save_grid and p.do_not_reload_embeddings
    assert [each for each in studio.log if each != "main"] == ["begin", "process", "end", "clear", "close"]
    assert studio.known == [["pxlabc"]] and studio.words() == [] and not studio.lock.locked()
    assert ("main" in studio.log) is (studio.webui.flavour == "Forge")


def test_the_last_job_of_the_page_stays_the_last(studio: Studio) -> None:
    (studio.folder / "params.txt").write_text("the page's")
    studio.draw()
    assert (studio.folder / "params.txt").read_text() == "the page's"


def test_nothing_stays_where_a_job_fails(studio: Studio) -> None:
    (studio.folder / "params.txt").write_text("the page's")
    studio.fails = RuntimeError("CUDA out of memory")
    with pytest.raises(RuntimeError, match="CUDA"):
        studio.draw()
    assert studio.words() == [] and not studio.lock.locked() and studio.log[-3:] == ["end", "clear", "close"]
    assert (studio.folder / "params.txt").read_text() == "the page's"


def test_an_interrupted_picture_is_none(studio: Studio) -> None:
    studio.shared.state.interrupted = True
    with pytest.raises(HostError, match="interrupt"):
        studio.draw()
    assert studio.words() == []


def test_a_noken_that_the_model_does_not_fit_any_more_is_refused(studio: Studio) -> None:
    with pytest.raises(HostError, match=r"wanted \{'l': 8\}"):
        studio.host.draw("a pxlabc", {"pxlabc": noken(1, 1, {"l": 9}).vectors}, 1, 2, 64, 7)
    assert studio.words() == [] and not studio.lock.locked() and not studio.jobs


def test_the_usual_size_is_512_and_1024_for_sdxl(studio: Studio) -> None:
    assert studio.draw(0).size == (512, 512)
    studio.shared.sd_model.is_sdxl = True
    assert studio.draw(0).size == (1024, 1024)


def test_words_are_read_by_the_hosts_own_tokenizer(studio: Studio) -> None:
    book = studio.host.lexicon()
    wanted = [ord("x"), ord("y")] if studio.webui.flavour == "A1111" else [ord("x") % 16, ord("y") % 16]
    assert list(book.ids("xy")) == wanted and book.text(2) == "c"
    assert {letter: tuple(table.shape) for letter, table in book.tables.items()} == {"l": (16, 8)}
    assert not any(table.requires_grad for table in book.tables.values())


def test_before_a_model_is_loaded_there_are_no_words(studio: Studio) -> None:
    studio.shared.sd_model = None if studio.webui.flavour == "A1111" else SimpleNamespace(cond_stage_model=None)
    with pytest.raises(HostError, match="loaded"):
        studio.host.lexicon()
    with pytest.raises(HostError, match="loaded"):
        studio.host.widths()


def test_installed_is_a_file_that_the_host_knows_at_once(studio: Studio) -> None:
    path = studio.host.install(FOX)
    assert path == studio.folder / "embeddings" / "pxl" / "pxl-red-fox.safetensors" and Noken.load(path) == FOX
    if studio.webui.flavour == "A1111":
        assert studio.reads == [True], "all read again, with the queue held"
    else:
        assert studio.engine.embeddings.read == [FOX.hash]
    assert not studio.lock.locked()


def test_sd2_is_read_by_open_clips_tokenizer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    studio = Studio(monkeypatch, tmp_path, "A1111")
    module = ModuleType("modules.sd_hijack_open_clip")
    module.tokenizer = Tokenizer()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "modules.sd_hijack_open_clip", module)
    monkeypatch.setattr(sys.modules["modules"], "sd_hijack_open_clip", module, raising=False)
    del studio.shared.sd_model.cond_stage_model.tokenizer
    studio.shared.sd_model.is_sd2 = True
    book = studio.host.lexicon()
    assert book.text(1) == "b" and list(book.tables) == ["h"]


def test_sdxl_has_a_table_for_each_encoder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    studio = Studio(monkeypatch, tmp_path, "A1111")
    model = studio.shared.sd_model
    model.second = Table(12, "clip_g")
    engine = model.cond_stage_model
    engine.embedders = [SimpleNamespace(tokenizer=engine.tokenizer), SimpleNamespace()]
    del engine.tokenizer
    assert {letter: table.shape[1] for letter, table in studio.host.lexicon().tables.items()} == {"l": 8, "g": 12}
