"""From what a user names a model by to a local folder.

| what | where it is looked for, and fetched to |
|---|---|
| a folder | there |
| `sample:encoder` | the encoder that comes with the package: `kbl.sample_encoder()` |
| an archive (`.tar`, `.tar.gz`, `.tgz`, `.zip`) | unpacked once into `~/.cache/keras_bert_lab/archives` |
| `https://tfhub.dev/…` | the cache of tensorflow_hub: `$TFHUB_CACHE_DIR`, else `tfhub_modules` in the temporary folder |
| `https://www.kaggle.com/models/…`, owner/model/framework/variation | that one, and kagglehub's: `$KAGGLEHUB_CACHE` |
| `hf://organisation/name`, with `@revision` | the cache of huggingface_hub: `$HF_HOME` |

What is in a cache is used without the network; Hugging Face is asked for a newer revision unless `HF_HUB_OFFLINE` is set.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import pathlib
import re
import shutil
import tempfile
import urllib.error
import urllib.parse
import urllib.request

from keras_bert_lab.archives import is_archive, unpack_archive, unpack_into
from keras_bert_lab.errors import FormatError
from keras_bert_lab.lazy import LazyModule

__all__ = ["local_folder"]

huggingface_hub = LazyModule("huggingface_hub")
kagglehub = LazyModule("kagglehub")

_SAMPLE = "sample:"
_SAMPLES = pathlib.Path(__file__).parent / "data" / "samples"
_TIMEOUT = 10  # seconds for an answer from the network
_LARGEST = 64 * 2**30  # bytes of a download
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_KAGGLE_FRAMEWORKS = ("tensorflow2", "tensorflow1", "keras", "pytorch", "flax", "jax", "transformers", "other")
# What the readers of this package read. Pickles (*.bin, *.pt, *.ckpt of PyTorch) run as code when they are read.
_HUGGINGFACE_FILES = [
    "*.json", "model*.safetensors", "vocab.txt", "merges.txt", "*.model",
    "saved_model.pb", "variables/*", "assets/*", "bert_model.ckpt.*", "model.weights.h5",
]  # fmt: skip


def _offline() -> str | None:
    """The name of the environment variable that forbids the network, if one does."""
    forbids = ("1", "true", "yes", "on")
    return next((name for name in _OFFLINE if os.environ.get(name, "").lower() in forbids), None)


def _missing(handle: str, reason: object, cure: str) -> FormatError:
    shown = str(reason).strip().partition("\n")[0].rstrip(".")
    return FormatError(f"{handle} is in no cache on this machine and cannot be downloaded ({shown}): {cure}")


def _tfhub_cache() -> pathlib.Path:
    return pathlib.Path(os.environ.get("TFHUB_CACHE_DIR") or pathlib.Path(tempfile.gettempdir(), "tfhub_modules"))


def _in_tfhub_cache(handle: str) -> pathlib.Path | None:
    """Where tensorflow_hub keeps this address: under the SHA-1 of its text."""
    for text in dict.fromkeys((handle, handle.rstrip("/"), handle.rstrip("/") + "/")):
        folder = _tfhub_cache() / hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        # Everybody may write into the folder for temporary files, and a SavedModel is code.
        if folder.is_dir() and folder.stat().st_uid in (os.getuid(), 0):
            return folder
    return None


def _tfhub(handle: str) -> pathlib.Path:
    found = _in_tfhub_cache(handle)
    if found is not None:
        return found
    address = f"{handle.rstrip('/')}?tf-hub-format=compressed"
    folder = _tfhub_cache() / hashlib.sha1(handle.encode(), usedforsecurity=False).hexdigest()
    cure = f"download {address} elsewhere and pass the .tar.gz file as the handle, or unpack it into {folder}."
    if name := _offline():
        raise _missing(handle, f"{name} is set", cure)
    with tempfile.TemporaryDirectory() as scratch:
        archive = pathlib.Path(scratch, "model.tar.gz")
        try:
            with urllib.request.urlopen(address, timeout=_TIMEOUT) as answer, archive.open("wb") as file:  # noqa: S310
                if int(answer.headers.get("Content-Length") or 0) > _LARGEST:
                    raise OSError("it is too large")
                shutil.copyfileobj(answer, file)
        except (OSError, ValueError) as error:
            raise _missing(handle, error, cure) from error
        unpack_into(archive, folder)
    return folder


def _kaggle_parts(handle: str) -> list[str] | None:
    """[owner, model, framework, variation] or the same with a version; None where it is no handle of Kaggle.

    Example:
        >>> _kaggle_parts("https://www.kaggle.com/models/tensorflow/bert/TensorFlow2/en-uncased-preprocess/3")
        ['tensorflow', 'bert', 'tensorFlow2', 'en-uncased-preprocess', '3']
    """
    text = re.sub(r"^(https?://(www\.)?kaggle\.com/models/|kaggle://)", "", handle).strip("/")
    long_form = re.fullmatch(r"(.+)/frameworks/([^/]+)/variations/([^/]+)(?:/versions/(\d+))?", text)
    parts = [part for group in long_form.groups() if group for part in group.split("/")] if long_form else text.split("/")
    known = len(parts) in (4, 5) and parts[2].lower() in _KAGGLE_FRAMEWORKS and all(re.fullmatch(r"[\w.-]+", p) for p in parts)
    if not known or {".", ".."} & set(parts) or not (len(parts) == 4 or parts[4].isdigit()):
        return None
    parts[2] = re.sub("tensorflow", "tensorFlow", parts[2], flags=re.IGNORECASE)
    return parts


def _in_kaggle_cache(parts: list[str]) -> pathlib.Path | None:
    """Where kagglehub keeps it: a folder for each version, with a file that says that it is complete."""
    cache = pathlib.Path(os.environ.get("KAGGLEHUB_CACHE") or pathlib.Path.home() / ".cache" / "kagglehub") / "models"
    spellings = {parts[2], parts[2].replace("tensorFlow", "TensorFlow"), parts[2].lower()}
    for variation in (cache / parts[0] / parts[1] / framework / parts[3] for framework in sorted(spellings)):
        complete = {int(path.stem) for path in variation.glob("*.complete") if path.stem.isdigit()}
        chosen = complete & {int(parts[4])} if len(parts) == 5 else complete
        for version in sorted(chosen, reverse=True):
            if (variation / str(version)).is_dir():
                return variation / str(version)
    return None


def _kaggle(handle: str, parts: list[str]) -> pathlib.Path:
    found = (_in_tfhub_cache(handle) if "://" in handle else None) or _in_kaggle_cache(parts)
    if found is not None:
        return found
    page = f"https://www.kaggle.com/models/{'/'.join(parts)}"
    cure = f"download the archive from {page} elsewhere and pass that file, or the folder with its content, as the handle."
    if name := _offline():
        raise _missing(handle, f"{name} is set", cure)
    try:
        # kagglehub waits long where there is no network.
        urllib.request.urlopen(urllib.request.Request("https://www.kaggle.com", method="HEAD"), timeout=_TIMEOUT).close()
    except urllib.error.HTTPError:
        pass  # somebody answers
    except OSError as error:
        raise _missing(handle, error, cure) from error
    try:
        return pathlib.Path(kagglehub.model_download("/".join(parts)))
    except Exception as error:  # of kagglehub, of its sdk, of requests: unknown, forbidden, interrupted
        raise _missing(handle, error, cure) from error


def _huggingface(handle: str) -> pathlib.Path:
    match = re.fullmatch(r"hf://(\w[\w.-]*(?:/\w[\w.-]*)?)(?:@([\w./-]+))?", handle.rstrip("/"))
    if not match:
        raise ValueError(
            f"A handle of Hugging Face is hf://organisation/name or hf://organisation/name@revision. Received: {handle!r}"
        )
    repository, revision = match.groups()
    name = _offline()
    try:
        folder = huggingface_hub.snapshot_download(
            repository,
            revision=revision,
            allow_patterns=_HUGGINGFACE_FILES,
            local_files_only=name is not None,
            etag_timeout=_TIMEOUT,
        )
    except Exception as error:  # of huggingface_hub and of the network, by its version
        cure = (
            f"on a machine with a network run `hf download {repository}`, copy its folder here and pass that folder "
            "as the handle, or put it under $HF_HOME."
        )
        raise _missing(handle, f"{name} is set" if name else error, cure) from error
    return pathlib.Path(folder)


def _sample(handle: str) -> pathlib.Path:
    if handle != f"{_SAMPLE}encoder":
        raise ValueError(f"The model that comes with the package is {_SAMPLE}encoder. Received: {handle!r}")
    folder = _SAMPLES / "encoder"
    missing = [name for name in ("config.json", "model.safetensors", "vocab.txt") if not (folder / name).is_file()]
    if missing:
        raise FormatError(
            f"{handle} is not whole in this installation: {missing} missing in {folder}. Install the package again: "
            "pip install --force-reinstall --no-deps keras_bert_lab, or pip install -e . in its repository."
        )
    return folder


def _nothing_there(path: pathlib.Path) -> FormatError:
    missing = path.absolute()
    while not missing.parent.is_dir() and missing.parent != missing:
        missing = missing.parent
    names = [entry.name for entry in missing.parent.iterdir()] if os.access(missing.parent, os.R_OK) else []
    near = difflib.get_close_matches(missing.name, names, n=3)
    cure = (
        "Did you mean " + " or ".join(str(missing.parent / name) for name in near) + "?"
        if near
        else "Give a folder, an archive, sample:encoder, hf://organisation/name, or an address of tfhub.dev or kaggle.com."
    )
    return FormatError(f"There is no folder {str(path)!r}. {cure}")


def local_folder(handle: str | os.PathLike[str]) -> pathlib.Path:
    """The local folder with the model that a user names, fetched and unpacked where needed.

    Args:
        handle: a folder; an archive of one; an address of tfhub.dev or kaggle.com/models; a Kaggle handle
            owner/model/framework/variation, with or without a version; hf://organisation/name, with or without @revision;
            "sample:encoder".

    Returns:
        An existing folder.

    Raises:
        TypeError: no text and no path.
        ValueError: a text that is no handle.
        FormatError: there is no such folder; an archive that is damaged or dangerous; a model that is in no cache and cannot be
            downloaded, for which the error says what to download and where to put it.

    Example:
        >>> local_folder(".").is_dir()
        True
    """
    if not isinstance(handle, (str, os.PathLike)):
        raise TypeError(f"handle must be a folder, an archive or the address of a model. Received: {handle!r}")
    text = os.fspath(handle)
    if not text.strip():
        raise ValueError(f"handle must name a folder, an archive or the address of a model. Received: {handle!r}")
    if text.startswith("hf://"):
        return _huggingface(text)
    if text.startswith(_SAMPLE):
        return _sample(text)
    host = urllib.parse.urlsplit(text).hostname if re.match(r"[a-z]+://", text) else None
    if host == "tfhub.dev":
        return _tfhub(re.sub("^http:", "https:", text).partition("?")[0])
    path = pathlib.Path(text).expanduser()
    parts = None if host is None and path.exists() else _kaggle_parts(text)
    if parts is not None:
        return _kaggle(text, parts)
    if host is not None or "://" in text:
        raise ValueError(
            "handle must be an address of tfhub.dev, of kaggle.com/models (with framework and variation), or "
            f"hf://organisation/name. Received: {text!r}. Download it and pass the folder or archive."
        )
    if path.is_dir():
        return path
    if not path.exists():
        raise _nothing_there(path)
    if not is_archive(path):
        raise FormatError(f"handle must be a folder or an archive (.tar, .tar.gz, .tgz, .zip). Received: the file {path}")
    return unpack_archive(path)
