"""What is taken out before anything leaves: laws over made-up secrets, and plain prompts that stay as they are."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_pxl import wire
from lib_pxl.share.redact import LONGEST, bare, own_names, redactor

PLAIN = redactor()
WORD = st.from_regex(r"[a-z]{3,9}", fullmatch=True)
SECRET = st.from_regex(r"q[a-z]{5,9}x", fullmatch=True)
PATHS = [
    r"C:\Users\{} Smith\pictures\{}.png", r"D:/models/{}/{}.safetensors", "/home/{}/sd/{}", "~/{}/{}.txt",
    "/mnt/my disk/{} folder/{}", r"\\server\{}\{}", "outputs/{}/{}.png", "./{}/{}/", "../{}/{}/x", "/Users/{}/{}",
    r"{}\{}\cat.jpg",
]  # fmt: skip
LINKS = [
    "https://{}.example.com/{}", "http://{}:{}@host/", "ftp://{}/{}", "www.{}.com/{}", "{}.artstation.com/{}",
    "{}.org/{}", "file:///{}/{}", "data:image/png;base64,{}{}", "civitai.com/models/{}/{}", "magnet:?{}={}",
]  # fmt: skip
MAILS = ["{}.{}@example.com", "{}+{}@mail.example.co.uk", "mailto:{}@{}.de", "{}@{}", "“{}@{}.net”", "({}@{}.org:1.2)"]
PLAIN_PROMPTS = [
    "a red fox, masterpiece, (detailed fur:1.2), [oil|ink] painting, 8k, 35mm f/1.8",
    r"girl \(solo\), artist \(style\), and/or 16:9, [a:b:0.5] AND cat BREAK 1girl",
    "über die Straße, 狐が走る、夕焼け, красная лиса 🦊, 1920x1080",
    "in the year 1984, 20 steps; what? why! - \"quoted\" 'too' {curly} #tag & more: 50% ~soft",
    "<lora> [link] [path]",
]


@pytest.mark.parametrize("shape", [*PATHS, *LINKS, *MAILS])
@settings(max_examples=10)
@given(one=SECRET, other=SECRET, before=WORD, after=WORD)
def test_nothing_of_a_path_a_link_or_an_address_of_mail_is_left(
    shape: str, one: str, other: str, before: str, after: str
) -> None:
    cleaned = PLAIN(f"{before} {shape.format(one, other)}, {after}")
    assert one not in cleaned and other not in cleaned, cleaned
    assert cleaned.startswith(before) and cleaned.endswith(after), "and what stands around it stays"


@given(digits=st.from_regex(r"\d{6,30}", fullmatch=True), gap=st.sampled_from(["", " ", "-", ".", "/"]))
def test_no_long_number_is_left(digits: str, gap: str) -> None:
    spread = gap.join(digits[i : i + 3] for i in range(0, len(digits), 3)) if gap in ("", " ", "-") else digits
    cleaned = PLAIN(f"call +{spread} now")
    assert not re.search(r"\d{4}", re.sub(r"\D", "", cleaned) or "") or len(digits) < 7, cleaned
    assert cleaned.startswith("call ") and cleaned.endswith(" now")


@pytest.mark.parametrize(
    "text",
    ["192.168.1.20", "2001:db8:0:0:1::1", "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "deadbeefdeadbeef0123", "@some_one",
     "model_v1.safetensors", "IMG_1234.JPEG", "+49 (170) 123 45 67", "4111-1111-1111-1111"],
)  # fmt: skip
def test_other_telling_shapes_are_gone(text: str) -> None:
    assert re.fullmatch(r"a fox \[(address|number|name|file)\] b", PLAIN(f"a fox {text} b")), PLAIN(f"a fox {text} b")


@pytest.mark.parametrize("text", PLAIN_PROMPTS)
def test_a_plain_prompt_stays_as_it_is(text: str) -> None:
    assert PLAIN(text) == text


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("fox <lora:secret_me:0.8> sea", "fox <lora> sea"),
        ("fox <lora:secret_me", "fox <lora>"),
        ("<lyco:my/secret:1:2>,<hypernet:secret:1>", "<lyco>,<hypernet>"),
        ("<noken:secret~other@0:0, 60%:1> sea", "<noken> sea"),
        ("< LORA : secret : 1 >", "<LORA>"),
    ],
)
def test_names_of_loras_and_nokens_are_gone(given: str, wanted: str) -> None:
    assert PLAIN(given) == wanted


def test_a_loras_name_may_stay_on_wish_though_never_its_folder() -> None:
    keeps = redactor(loras=True)
    assert keeps("fox <lora:styles/ink_v2.safetensors:0.8>") == "fox <lora:ink_v2:0.8>"
    assert keeps("<noken:secret>") == "<noken>" and keeps("<hypernet:secret:1>") == "<hypernet>"
    assert "secret" not in keeps("<lora:ink:0.8:secret words>")


@given(name=SECRET, before=WORD)
def test_names_of_this_machines_user_are_gone_however_they_are_written(name: str, before: str) -> None:
    redact = redactor([name, "root", "me", ""])
    for spelt in (name, name.upper(), name.title(), f"{name}'s", f"({name}:1.2)", f"my_{name}_pic"):
        assert name not in redact(f"{before} {spelt} cat").lower()
    assert redact("the root of me") == "the root of me", "an account that is nobody's name is a word"


def test_letters_that_cannot_be_seen_and_other_spellings_hide_nothing() -> None:
    assert PLAIN("jane\u200b@exa\u00admple.com") == "[mail]"
    assert PLAIN("ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ") == "[mail]"
    assert PLAIN("a\u202e\x00\x1b[31mb\x7f") == "a[31mb"


@given(text=st.text(max_size=300))
def test_cleaning_twice_is_cleaning_once_and_what_is_left_can_be_sent(text: str) -> None:
    once = PLAIN(text)
    assert PLAIN(once) == once
    assert not wire.UNFIT.search(once)


@pytest.mark.parametrize(
    "piece", ["a", "\\a", "a/", "1 ", "@", "a.", "<lora:", "://", "C:\\a ", "/home/a ", "a@", "f:"]
)
def test_a_prompt_made_to_be_slow_is_cleaned_all_the_same(piece: str) -> None:
    assert len(PLAIN(piece * 100_000)) <= LONGEST * 3


def test_a_models_name_is_bare_and_this_machine_knows_its_user() -> None:
    assert bare(r"SD15\private\dream_8.safetensors") == "dream_8" and bare("a/b/sd1.5") == "sd1.5"
    assert own_names()
