"""Readers of labelled corpora: recognition, labels and speakers from names, errors."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from ser_batch.corpora.clips import LABELS, SYNONYMS, Clip, Corpus, canonical
from ser_batch.corpora.read import read_corpus
from ser_batch.errors import SerBatchError


def plant(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def by_name(corpus: Corpus) -> dict[str, Clip]:
    clips = {clip.name: clip for clip in corpus.clips}
    assert len(clips) == len(corpus.clips)
    assert [clip.name for clip in corpus.clips] == sorted(clips)
    return clips


def reasons(corpus: Corpus, root: Path) -> dict[str, str]:
    return {Path(path).relative_to(root).as_posix(): reason for path, reason in corpus.skipped}


def test_words_are_brought_to_one_spelling() -> None:
    assert [
        canonical(word) for word in ("ANG", "Disgusted", "fearful", " Joy ", "neutral", "sadness")
    ] == list(LABELS)
    assert canonical("Pleasant-Surprise") == canonical("pleasant surprise") == canonical("ps") == "surprised"
    assert canonical("calm") == "calm"
    assert canonical("noise") is None
    assert canonical("") is None


def test_no_word_stands_for_two_labels() -> None:
    words = [word for known in SYNONYMS.values() for word in known]
    assert len(words) == len(set(words))
    assert set(LABELS) <= set(SYNONYMS)
    assert all(canonical(label) == label for label in SYNONYMS)


@pytest.mark.parametrize("suffix", ["wav", "mp3", "flac", "WAV"])
def test_crema_d_by_its_names(tmp_path: Path, suffix: str) -> None:
    names = ("1019_DFA_ANG_XX", "1019_IEO_FEA_HI", "1040_ITH_SAD_X", "1091_WSI_NEU_XX", "1091_TIE_HAP_XX")
    plant(tmp_path, *(f"{name}.{suffix}" for name in names), f"1002_IOM_DIS_XX.{suffix}")
    corpus = read_corpus(tmp_path)
    clips = by_name(corpus)
    assert (corpus.name, corpus.skipped, corpus.speakers_known) == ("CREMA-D", [], True)
    assert clips["1019_IEO_FEA_HI"] == Clip(
        path=str(tmp_path / f"1019_IEO_FEA_HI.{suffix}"),
        name="1019_IEO_FEA_HI",
        label="fear",
        speaker="1019",
        attributes={"sentence": "IEO", "level": "HI"},
    )
    assert clips["1040_ITH_SAD_X"].attributes["level"] == "XX"
    assert {clip.label for clip in clips.values()} == set(LABELS)


def test_a_clone_of_crema_d_gives_the_wavs_and_the_actors_sex_and_age(tmp_path: Path) -> None:
    clone = plant(
        tmp_path / "CREMA-D",
        "AudioMP3/1001_DFA_ANG_XX.mp3",
        "AudioMP3/1001_DFA_SAD_XX.mp3",
        "AudioMP3/1002_DFA_SAD_XX.mp3",
        "AudioMP3/1076_MTI_SAD_XX.mp3",
        "AudioWAV/1001_DFA_SAD_XX.wav",
        "AudioWAV/1002_DFA_SAD_XX.wav",
        "AudioWAV/1076_MTI_SAD_XX.wav",
        "AudioWAV/trailer.wav",
        "VideoFlash/1001_DFA_ANG_XX.flv",
        "README.md",
    )
    (clone / "AudioWAV/1001_DFA_SAD_XX.wav").write_text("version https://git-lfs.github.com/spec/v1\n")
    (clone / "VideoDemographics.csv").write_text(
        '"actorid","Age","Sex","Race","Ethnicity"\n1001,51,"Male","Caucasian","Not Hispanic"\n'
    )
    corpus = read_corpus(clone)
    clips = by_name(corpus)
    assert list(clips) == ["AudioMP3/1001_DFA_ANG_XX", "AudioWAV/1001_DFA_SAD_XX", "AudioWAV/1002_DFA_SAD_XX"]
    assert clips["AudioWAV/1001_DFA_SAD_XX"].attributes == {
        "sentence": "DFA",
        "level": "XX",
        "sex": "male",
        "age": "51",
        "race": "Caucasian",
        "ethnicity": "Not Hispanic",
    }
    assert "sex" not in clips["AudioWAV/1002_DFA_SAD_XX"].attributes
    assert reasons(corpus, clone) == {
        "AudioMP3/1001_DFA_SAD_XX.mp3": "another copy of the same recording is read",
        "AudioMP3/1002_DFA_SAD_XX.mp3": "another copy of the same recording is read",
        "AudioMP3/1076_MTI_SAD_XX.mp3": "silent in the official release",
        "AudioWAV/1076_MTI_SAD_XX.wav": "silent in the official release",
        "AudioWAV/trailer.wav": "not a file name of CREMA-D",
        "VideoFlash/1001_DFA_ANG_XX.flv": "another copy of the same recording is read",
    }
    (clone / "AudioWAV/1001_DFA_ANG_XX.wav").touch()
    (clip, *_) = read_corpus(clone / "AudioWAV").clips
    assert (clip.name, clip.attributes["sex"]) == ("1001_DFA_ANG_XX", "male")


def test_a_broken_table_of_actors_is_named(tmp_path: Path) -> None:
    plant(tmp_path, "1001_DFA_ANG_XX.wav", "1001_DFA_SAD_XX.wav")
    (tmp_path / "VideoDemographics.csv").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(SerBatchError, match=r"VideoDemographics\.csv.*speaker"):
        read_corpus(tmp_path)


def test_ravdess_keeps_calm_and_leaves_song_and_video_out(tmp_path: Path) -> None:
    plant(tmp_path, *(f"Actor_12/03-01-{emotion:02}-01-02-02-12.wav" for emotion in range(1, 9)))
    plant(tmp_path, "Actor_01/03-01-05-02-01-01-01.wav", "Actor_01/03-02-05-02-01-01-01.wav")
    plant(tmp_path, "Actor_01/01-01-05-02-01-01-01.mp4", "copy/Actor_01/03-01-05-02-01-01-01.wav")
    corpus = read_corpus(tmp_path)
    clips = by_name(corpus)
    assert corpus.name == "RAVDESS"
    assert [clip.label for clip in clips.values()] == [
        "angry",
        *("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprised"),
    ]
    assert clips["Actor_01/03-01-05-02-01-01-01"].attributes == {
        "sex": "male",
        "level": "strong",
        "sentence": "kids",
        "repetition": "1",
    }
    assert clips["Actor_12/03-01-02-01-02-02-12"].attributes == {
        "sex": "female",
        "level": "normal",
        "sentence": "dogs",
        "repetition": "2",
    }
    assert {clip.speaker for clip in clips.values()} == {"01", "12"}
    assert reasons(corpus, tmp_path) == {
        "Actor_01/03-02-05-02-01-01-01.wav": "sung, not spoken",
        "Actor_01/01-01-05-02-01-01-01.mp4": "not one of the audio-only recordings",
        "copy/Actor_01/03-01-05-02-01-01-01.wav": "another copy of the same recording is read",
    }


def test_tess(tmp_path: Path) -> None:
    plant(
        tmp_path, "OAF_Fear/OAF_back_fear.wav", "OAF_neutral/OA_bite_neutral.wav", "YAF_sad/YAF_youth_sad.wav"
    )
    plant(tmp_path, "YAF_pleasant_surprised/YAF_back_ps.wav", "TESS/YAF_pleasant_surprised/YAF_back_ps.wav")
    corpus = read_corpus(tmp_path)
    assert corpus.name == "TESS"
    assert [(clip.speaker, clip.label) for clip in corpus.clips] == [
        ("OAF", "fear"),
        ("OAF", "neutral"),
        ("YAF", "surprised"),
        ("YAF", "sad"),
    ]
    assert corpus.clips[0].attributes == {"sex": "female", "age": "64", "sentence": "back"}
    assert len(corpus.skipped) == 1


@pytest.mark.parametrize("layout", ["AudioData/{}/{}.wav", "ALL/{}_{}.wav"])
def test_savee(tmp_path: Path, layout: str) -> None:
    codes = ("a01", "d02", "f03", "h04", "n05", "sa06", "su07")
    plant(tmp_path, *(layout.format(speaker, code) for speaker in ("DC", "KL") for code in codes))
    corpus = read_corpus(tmp_path)
    assert (corpus.name, corpus.skipped) == ("SAVEE", [])
    assert Counter(clip.speaker for clip in by_name(corpus).values()) == {"DC": 7, "KL": 7}
    assert [clip.label for clip in corpus.clips[:7]] == [*LABELS, "surprised"]
    assert corpus.clips[5].attributes == {"sex": "male", "sentence": "sa06"}


def test_one_speakers_folder_of_savee(tmp_path: Path) -> None:
    plant(tmp_path / "JE", "a01.wav", "sa01.wav")
    assert {clip.speaker for clip in read_corpus(tmp_path / "JE").clips} == {"JE"}
    plant(tmp_path / "XY", "a01.wav", "sa01.wav")
    with pytest.raises(SerBatchError, match="no recognisable label"):
        read_corpus(tmp_path / "XY")


def test_emo_db(tmp_path: Path) -> None:
    plant(tmp_path / "wav", *(f"08a01{letter}a.wav" for letter in "WLEAFTN"), "16b10Td.wav", "16b09N.wav")
    corpus = read_corpus(tmp_path)
    clips = by_name(corpus)
    assert (corpus.name, corpus.skipped) == ("EMO-DB", [])
    labels = [clips[f"wav/08a01{letter}a"].label for letter in "WLEAFTN"]
    assert labels == ["angry", "bored", "disgust", "fear", "happy", "sad", "neutral"]
    assert clips["wav/16b10Td"].speaker == "16"
    assert clips["wav/16b10Td"].attributes == {"sex": "female", "age": "31", "sentence": "b10"}


def test_a_folder_per_emotion_without_speakers(tmp_path: Path) -> None:
    plant(tmp_path, "Angry/1.wav", "Angry/2.wav", "sad/1.wav", "sad/1.mp3", "noise/1.wav", "top.wav")
    corpus = read_corpus(tmp_path)
    clips = by_name(corpus)
    assert {name: clip.label for name, clip in clips.items()} == {
        "Angry/1": "angry",
        "Angry/2": "angry",
        "sad/1": "sad",
    }
    assert clips["sad/1"].path.endswith(".wav")
    assert [clip.speaker for clip in corpus.clips] == list(clips)
    assert (corpus.name, corpus.speakers_known) == (tmp_path.name, False)
    assert reasons(corpus, tmp_path) == {
        "sad/1.mp3": "another copy of the same recording is read",
        "noise/1.wav": "in no folder that is named after an emotion",
        "top.wav": "in no folder that is named after an emotion",
    }


@pytest.mark.parametrize(
    "layout",
    [
        "{speaker}/{label}/1.wav",
        "{label}/{speaker}/1.wav",
        "train/{label}/{speaker}_1.wav",
        "{label}/{speaker}-1.wav",
    ],
)
def test_speakers_of_a_folder_per_emotion(tmp_path: Path, layout: str) -> None:
    for speaker in ("anna", "ben"):
        plant(tmp_path, *(layout.format(speaker=speaker, label=label) for label in ("happy", "sad", "fear")))
    corpus = read_corpus(tmp_path)
    assert corpus.speakers_known
    assert Counter(clip.speaker for clip in corpus.clips) == {"anna": 3, "ben": 3}
    assert Counter(clip.label for clip in corpus.clips) == {"happy": 2, "sad": 2, "fear": 2}


EMOTIONS = ("anger", "fear", "sadness")


@pytest.mark.parametrize(
    ("layout", "speakers", "note"),
    [
        ("subject {s}/{e}/sentence {n}/x.wav", 3, "speakers: the first folder level, 3 of them"),
        ("{e}/s{s}/sentence {n}/x.wav", 3, "speakers: the second folder level, 3 of them"),
        ("session {n}/{e}/subject {s}/x.wav", 3, "speakers: the third folder level, 3 of them"),
        ("women/s{s}/{e}/{n}.wav", 3, "speakers: the second folder level, 3 of them"),
        ("take {n}/s{s}/{e}/x.wav", 3, "speakers: the second folder level, 3 of them"),
        ("train/s{s}/{e}/{n}.wav", 3, "speakers: the second folder level, 3 of them"),
        ("group {n}/s{s}/{e}/x.wav", 5, "speakers: the first folder level, 5 of them: a guess; "),
        ("{e}/s{s}_{n}.wav", 3, "speakers: the file names before the first _ or -, 3 of them: a guess; "),
        ("{e}/{s}{n}.wav", 45, "speakers: not known, so each clip counts as a speaker"),
    ],
)
def test_how_speakers_are_inferred_is_said(tmp_path: Path, layout: str, speakers: int, note: str) -> None:
    for s in range(3):
        plant(tmp_path, *(layout.format(s=s, e=e, n=n) for e in EMOTIONS for n in range(5)))
    corpus = read_corpus(tmp_path)
    assert len({clip.speaker for clip in corpus.clips}) == speakers
    (said,) = corpus.notes
    assert said.startswith(note)
    assert said == note or note.endswith("; ") or speakers == 45


def test_a_speaker_without_some_emotions_is_still_one(tmp_path: Path) -> None:
    """Sentences hold all emotions, and one subject lacks most of them: that must not make the sentences speakers."""
    for subject in range(6):
        emotions = EMOTIONS if subject else EMOTIONS[:1]
        plant(tmp_path, *(f"subject {subject}/{e}/sentence {n}/x.wav" for e in emotions for n in range(5)))
    corpus = read_corpus(tmp_path)
    assert {clip.speaker for clip in corpus.clips} == {f"subject {subject}" for subject in range(6)}
    assert corpus.notes[0].startswith("speakers: the first folder level, 6 of them: a guess; ")


def test_folders_in_another_language_are_named_or_mapped(tmp_path: Path) -> None:
    plant(
        tmp_path,
        *(f"{folder}/{n}.wav" for folder in ("Freude", "Trauer", "Wut", "Neutral") for n in range(3)),
    )
    with pytest.raises(
        SerBatchError, match=r"9 files lie in folders .* no emotion I know: Freude, Trauer, Wut; use"
    ):
        read_corpus(tmp_path)
    assert {clip.label for clip in read_corpus(tmp_path, {"freude", "wut"}).clips} == {
        "freude",
        "wut",
        "neutral",
    }
    shutil.rmtree(tmp_path / "Neutral")
    with pytest.raises(SerBatchError, match=r"no recognisable label on 9 audio files .*Freude, Trauer, Wut"):
        read_corpus(tmp_path)


def test_files_of_macos_are_passed_over(tmp_path: Path) -> None:
    plant(tmp_path, "03-01-03-01-01-01-05.wav", "03-01-04-01-01-01-05.wav", "list.txt")
    for name in ("._03-01-03-01-01-01-05.wav", "._03-01-04-01-01-01-05.wav", "__MACOSX/._x.wav"):
        plant(tmp_path, name)
        (tmp_path / name).write_bytes(bytes.fromhex("00051607"))
    corpus = read_corpus(tmp_path)
    assert (corpus.name, len(corpus.clips), corpus.skipped) == ("RAVDESS", 2, [])
    assert corpus.notes == ["4 files passed over: ._* of macOS (3), .txt (1)"]


@pytest.mark.parametrize(
    "names",
    [
        ("sad/anna_1.wav", "happy/ben_1.wav"),  # each prefix goes with one emotion alone
        ("sad/clip_1.wav", "happy/clip_2.wav"),  # one prefix
        (
            "sad/sad_1.wav",
            "happy/sad_1.wav",
            "sad/happy_1.wav",
            "happy/happy_1.wav",
        ),  # the prefix is the label
        (
            "sad/a_1.wav",
            "sad/b_1.wav",
            "happy/a_1.wav",
            "happy/b_1.wav",
            "happy/c.wav",
        ),  # not every name has one
        ("train/sad/1.wav", "test/sad/1.wav", "train/happy/1.wav", "test/happy/1.wav"),
    ],
)
def test_what_does_not_look_like_speakers(tmp_path: Path, names: tuple[str, ...]) -> None:
    corpus = read_corpus(plant(tmp_path, *names))
    assert not corpus.speakers_known
    assert len({clip.speaker for clip in corpus.clips}) == len(names)


def test_official_names_win_over_folders_only_as_a_majority(tmp_path: Path) -> None:
    plant(tmp_path, "happy/03a01Fa.wav", "happy/03a02Fa.wav", "sad/03a01Ta.wav", "sad/x.wav")
    assert read_corpus(tmp_path).name == "EMO-DB"
    plant(tmp_path, "sad/y.wav", "sad/z.wav")
    assert len(read_corpus(tmp_path).clips) == 6


def test_a_csv(tmp_path: Path) -> None:
    plant(tmp_path, "audio/a, b.wav", "audio/c.wav", "audio/d.wav")
    path = tmp_path / "my corpus.csv"
    path.write_text(
        "Emotion,file,Speaker,room\n"
        'ANGER,"audio/a, b.wav",anna,hall\n\n'
        "Very Bored,audio/c.wav,ben,\n"
        f"sad,{tmp_path}/audio/d.wav,anna\n"
        "sad,audio/gone.wav,anna,hall\n"
        "Sadness,audio/d.wav,anna,hall\n"
    )
    corpus = read_corpus(path)
    clips = by_name(corpus)
    assert (corpus.name, corpus.speakers_known) == ("my corpus", True)
    assert clips["audio/a, b"] == Clip(
        str(tmp_path / "audio/a, b.wav"), "audio/a, b", "angry", "anna", {"room": "hall"}
    )
    assert [clip.label for clip in corpus.clips] == ["angry", "very_bored", "sad"]
    assert clips["audio/d"].attributes == {"room": ""}
    assert reasons(corpus, tmp_path) == {"audio/gone.wav": "no such file", "audio/d.wav": "listed twice"}


@pytest.mark.parametrize("speaker", ["speaker", "speaker_id", "SPK", "actor"])
@pytest.mark.parametrize("separator", [",", ";", "\t", ", "])
def test_the_spellings_of_a_csv(tmp_path: Path, monkeypatch, speaker: str, separator: str) -> None:
    plant(tmp_path, "audio/a.wav", "audio/b.wav", "audio/c.wav")
    lines = [["path", "room", "emotion", speaker], ["audio\\a.wav", "1", "joy", "anna"]]
    lines += [[" audio/b.wav ", "2", " sad", "ben "], ["audio/c.wav", "", "sad", "anna"]]
    (tmp_path / "list.csv").write_text("\r\n".join(map(separator.join, lines)), encoding="utf-8-sig")
    monkeypatch.chdir(tmp_path.parent)
    clips = read_corpus(f"{tmp_path.name}/list.csv").clips
    assert [(clip.name, clip.label, clip.speaker, clip.attributes) for clip in clips] == [
        ("audio/a", "happy", "anna", {"room": "1"}),
        ("audio/b", "sad", "ben", {"room": "2"}),
        ("audio/c", "sad", "anna", {"room": ""}),
    ]


def test_json_lines_with_labels(tmp_path: Path) -> None:
    plant(tmp_path, "a.wav", "b.wav")
    path = tmp_path / "manifest.json"
    path.write_text(
        '{"audio_filepath": "a.wav", "label": "sad"}\n{"audio_filepath": "b.wav", "label": "joy"}\n'
    )
    assert [clip.label for clip in read_corpus(path).clips] == ["sad", "happy"]


def test_a_csv_in_another_encoding_is_refused_before_any_work(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes("file,label\na.wav,sad\nb.wav,fröhlich\n".encode("cp1252"))
    with pytest.raises(SerBatchError, match=r"list\.csv, line 3: not UTF-8: save it as CSV UTF-8"):
        read_corpus(path)


def test_without_a_speaker_each_file_of_a_csv_is_its_own(tmp_path: Path) -> None:
    plant(tmp_path, "a.wav", "b.wav")
    path = tmp_path / "corpus.csv"
    path.write_text("file,label\na.wav,sad\nb.wav,happy\n")
    corpus = read_corpus(path)
    assert [clip.speaker for clip in corpus.clips] == ["a", "b"]
    assert not corpus.speakers_known


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("file,speaker\na.wav,anna\n", "file,label"),
        ("", "file,label"),
        ("file,label\na.wav,sad\nb.wav,\n", "line 3: no file or no label"),
        ("file,label\na.wav,sad\na.wav,happy\n", "line 3: a.wav is labelled happy, but sad above"),
        (
            "file,label\nx.wav,sad\ny.wav,happy\n",
            r"none of the 2 listed files exists, such as /.*/x.wav: give paths relative",
        ),
        ("file,label\na.wav,sad\nb.wav,sadness\n", "all 2 clips are labelled sad"),
        ('file,label\n"a.wav,sad\n', "not valid CSV"),
    ],
)
def test_what_is_wrong_with_a_csv(tmp_path: Path, text: str, complaint: str) -> None:
    plant(tmp_path, "a.wav", "b.wav")
    path = tmp_path / "corpus.csv"
    path.write_text(text)
    with pytest.raises(SerBatchError, match=complaint) as raised:
        read_corpus(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ((), "no audio file"),
        (("notes.txt",), r"no audio file in it \(1 file passed over: .txt \(1\)\)"),
        (("a.wav", "b.wav"), "no recognisable label on 2 audio files"),
        (("1001_DFA_ANG_XX.wav", "1002_DFA_ANG_XX.wav"), "all 2 clips are labelled angry"),
        (("fear/a.wav", "anxiety/b.wav"), "all 2 clips are labelled fear"),
    ],
)
def test_what_is_wrong_with_a_folder(tmp_path: Path, names: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(SerBatchError, match=complaint) as raised:
        read_corpus(plant(tmp_path, *names))
    assert str(tmp_path) in str(raised.value)


def test_a_path_that_is_no_corpus(tmp_path: Path) -> None:
    plant(tmp_path, "a.wav")
    with pytest.raises(SerBatchError, match=r"gone: no such"):
        read_corpus(tmp_path / "gone")
    with pytest.raises(SerBatchError, match=r"a\.wav: not a corpus"):
        read_corpus(tmp_path / "a.wav")


def test_what_cannot_be_read_is_skipped_with_its_reason(tmp_path: Path) -> None:
    plant(tmp_path, "sad/a.wav", "happy/b.wav")
    (tmp_path / "sad" / "c.wav").symlink_to("gone.wav")
    corpus = read_corpus(tmp_path)
    assert len(corpus.clips) == 2
    assert reasons(corpus, tmp_path) == {"sad/c.wav": "a link to something that does not exist"}


def test_real_recordings_of_crema_d_and_ravdess(corpora: Path) -> None:
    crema_d = read_corpus(corpora / "crema-d" / "original_wav")
    assert (crema_d.name, len(crema_d.clips), crema_d.skipped) == ("CREMA-D", 7, [])
    ravdess = read_corpus(corpora / "ravdess")
    assert (ravdess.name, len(ravdess.clips), ravdess.skipped) == ("RAVDESS", 240, [])
    assert Counter(clip.speaker for clip in ravdess.clips) == {"05": 60, "06": 60, "11": 60, "12": 60}
    with pytest.raises(SerBatchError, match="no recognisable label"):
        read_corpus(corpora / "librispeech")
