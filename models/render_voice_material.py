"""Render the synthetic part of the voice detector's material: espeak-ng voices and General MIDI music.

    python models/render_voice_material.py SOUNDFONT FOLDER

Needs the commands `espeak-ng` and `fluidsynth`. FOLDER gets `espeak/<language>_<n>.wav` (speech) and
`midi/<program>_<n>.wav` (music: one General MIDI instrument over drums, random notes of one scale).
"""

import argparse
import struct
import subprocess
from pathlib import Path

import numpy as np

# One sentence a language, from article 1 of the Universal Declaration of Human Rights and plain daily phrases.
SENTENCES = {
    "en-gb": "All human beings are born free and equal in dignity and rights. Where did you put the keys?",
    "en-us": "Please hold the line, someone will be with you in a moment. It is eleven o'clock.",
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Wo hast du das Buch?",
    "fr-fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Où vas-tu ce soir ?",
    "es": "Todos los seres humanos nacen libres e iguales en dignidad y derechos. ¿Dónde está la llave?",
    "it": "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti. Dove abiti adesso?",
    "pl": "Wszyscy ludzie rodzą się wolni i równi w swej godności i w swych prawach. Gdzie jesteś?",
    "pt": "Todos os seres humanos nascem livres e iguais em dignidade e direitos. Onde fica a estação?",
    "nl": "Alle mensen worden vrij en gelijk in waardigheid en rechten geboren. Waar woon je nu?",
    "sv": "Alla människor är födda fria och lika i värde och rättigheter. Var ligger nyckeln?",
    "fi": "Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan. Missä olet?",
    "tr": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Anahtar nerede?",
    "ru": "Все люди рождаются свободными и равными в своём достоинстве и правах. Где ты живёшь?",
    "el": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια. Πού είσαι τώρα;",
    "hi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता प्राप्त है।",
    "cmn": "人人生而自由，在尊严和权利上一律平等。你现在在哪里？",
    "ja": "すべてのにんげんは、うまれながらにしてじゆうである。いまどこですか。",
    "vi": "Mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi.",
    "sw": "Watu wote wamezaliwa huru, hadhi na haki zao ni sawa. Unaishi wapi sasa?",
    "hu": "Minden emberi lény szabadon születik és egyenlő méltósága és joga van. Hol laksz?",
}
VARIANTS = ("", "+f2", "+m3", "+f4", "+croak", "+whisper")
CLIP_SECONDS = 10
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 3, 5, 7, 10), tuple(range(12)))
TICKS = 480


def main() -> None:
    """Read the command line; render what is not there yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("soundfont", type=Path, help="a General MIDI sound font, .sf2")
    parser.add_argument("folder", type=Path, help="where the WAV files go")
    parser.add_argument("--takes", type=int, default=2, help="clips of each instrument")
    given = parser.parse_args()
    speak(given.folder / "espeak")
    play(given.folder / "midi", given.soundfont, given.takes)


def speak(folder: Path) -> None:
    """Each sentence in each voice variant, with a speed and a pitch of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for language, sentence in SENTENCES.items():
        for number, variant in enumerate(VARIANTS):
            speed, pitch = rng.integers(120, 230), rng.integers(20, 80)
            voice = ["-v", language + variant, "-s", str(speed), "-p", str(pitch)]
            subprocess.run(
                ["espeak-ng", *voice, "-w", folder / f"{language}_{number}.wav", sentence], check=True
            )


def play(folder: Path, soundfont: Path, takes: int) -> None:
    """Each of the 128 instruments, `takes` times."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(2)
    for program in range(128):
        for take in range(takes):
            midi, wav = folder / "take.mid", folder / f"{program:03d}_{take}.wav"
            midi.write_bytes(music(program, rng))
            command = ["fluidsynth", "-ni", "-q", "-r", "16000", "-F", wav, soundfont, midi]
            subprocess.run(command, check=True, capture_output=True)
            midi.unlink()


def music(program: int, rng: np.random.Generator) -> bytes:
    """A Standard MIDI file (format 0) of one instrument, half of the time with a second one and with drums."""
    tempo = int(rng.integers(50, 180))
    beats = CLIP_SECONDS * tempo / 60
    events = [(0, bytes([0xC0, program])), (0, bytes([0xC1, int(rng.integers(0, 112))]))]
    scale, root = SCALES[rng.integers(len(SCALES))], int(rng.integers(36, 72))
    events += _melody(0, scale, root, beats, int(rng.integers(1, 4)), rng)
    if rng.random() < 0.5:
        events += _melody(1, scale, root - 12, beats, 1, rng)
    if rng.random() < 0.5:
        events += _drums(beats, rng)
    return _file(sorted(events, key=lambda event: event[0]), tempo)


def _melody(
    channel: int, scale: tuple[int, ...], root: int, beats: float, voices: int, rng: np.random.Generator
):  # type: ignore[no-untyped-def]
    events, at = [], 0.0
    step = float(rng.choice([0.25, 0.5, 1, 2]))
    while at < beats:
        length = step * float(rng.choice([0.5, 1, 1, 2]))
        for _ in range(voices):
            note = root + 12 * int(rng.integers(0, 3)) + scale[rng.integers(len(scale))]
            loud = int(rng.integers(50, 127))
            begin, end = int(at * TICKS), int((at + length * 0.9) * TICKS)
            events += [(begin, bytes([0x90 + channel, note, loud])), (end, bytes([0x80 + channel, note, 0]))]
        at += length
    return events


def _drums(beats: float, rng: np.random.Generator):  # type: ignore[no-untyped-def]
    kit = rng.integers(35, 82, size=4)
    hits = [int(half * TICKS / 2) for half in range(int(2 * beats)) if rng.random() < 0.7]
    return [(at, bytes([0x99, int(kit[rng.integers(4)]), int(rng.integers(60, 127))])) for at in hits]


def _file(events: list[tuple[int, bytes]], tempo: int) -> bytes:
    track, last = b"\x00\xff\x51\x03" + (60_000_000 // tempo).to_bytes(3, "big"), 0
    for at, message in events:
        track += _length(at - last) + message
        last = at
    track += b"\x00\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS) + b"MTrk" + struct.pack(">I", len(track)) + track


def _length(value: int) -> bytes:
    """MIDI's variable-length quantity."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))


if __name__ == "__main__":
    main()
