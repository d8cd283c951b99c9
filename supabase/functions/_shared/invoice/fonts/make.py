#!/usr/bin/python3
"""Writes the font modules beside this file.

    apt-get install fonttools fonts-noto-core fonts-nanum fonts-droid-fallback
    npm pack @expo-google-fonts/inter@0.4.2 && tar xzf expo-google-fonts-inter-*.tgz
    /usr/bin/python3 make.py package

Each font is cut down to what an invoice can need, loses its hinting (a PDF viewer smooths on its
own), and is stored as base64 of gzip in a TypeScript module: that is the one form that reads the
same in Deno, in Node, and in a function that was bundled for deployment.
"""

import base64
import gzip
import pathlib
import sys
import textwrap

from fontTools import subset
from fontTools.ttLib import TTFont

HERE = pathlib.Path(__file__).parent
INTER = pathlib.Path(sys.argv[1])
SYSTEM = pathlib.Path("/usr/share/fonts/truetype")

# Latin with every diacritic, Greek with the polytonic forms, Cyrillic, marks and currency signs.
EUROPEAN = (
    "20-2af 2b0-36f 370-52f 1c80-1c8f 1d00-1d7f 1e00-1fff 2000-206f 2070-209f 20a0-20cf 2100-214f "
    "2150-218f 2190-2193 2212 2215 221e 2248 2260 2264 2265 25a1 25cf 2713 2de0-2dff a640-a69f "
    "a720-a7ff ab30-ab6f fb00-fb06 fffd"
)
KANA_AND_MARKS = "3000-30ff 3105-312f 31f0-31ff 3220-3243 32c0-32ff ff01-ff9f ffe0-ffe6"


def spans(text):
    for span in text.split():
        first, _, last = span.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


def table(encoding, first, last, lows=range(0xA1, 0xFF)):
    """The characters of some rows of a national standard, such as GB 2312 level 1."""
    for high in range(first, last + 1):
        for low in lows:
            try:
                yield ord(bytes([high, low]).decode(encoding))
            except (UnicodeDecodeError, TypeError):
                pass


HAN = {
    *spans(KANA_AND_MARKS),
    *table("gb2312", 0xB0, 0xF7),
    *table("euc_jp", 0xB0, 0xCF),
    *table("big5", 0xA4, 0xC6, [*range(0x40, 0x7F), *range(0xA1, 0xFF)]),
}
HANGUL = {*spans("3131-318e"), *table("euc_kr", 0xB0, 0xC8)}
KERN = ["kern", "mark", "mkmk", "ccmp", "tnum", "locl"]

# module, source, characters (None: all), features, license, name to store when ours may not be kept
FONTS = [
    ("inter-regular", INTER / "400Regular/Inter_400Regular.ttf", {*spans(EUROPEAN)}, KERN, "OFL.txt"),
    ("inter-semibold", INTER / "600SemiBold/Inter_600SemiBold.ttf", {*spans(EUROPEAN)}, KERN, "OFL.txt"),
    ("arabic", SYSTEM / "noto/NotoSansArabic-Regular.ttf", None, ["*"], "OFL.txt"),
    ("armenian", SYSTEM / "noto/NotoSansArmenian-Regular.ttf", None, ["*"], "OFL.txt"),
    ("devanagari", SYSTEM / "noto/NotoSansDevanagari-Regular.ttf", None, ["*"], "OFL.txt"),
    ("georgian", SYSTEM / "noto/NotoSansGeorgian-Regular.ttf", None, ["*"], "OFL.txt"),
    ("hebrew", SYSTEM / "noto/NotoSansHebrew-Regular.ttf", None, ["*"], "OFL.txt"),
    ("thai", SYSTEM / "noto/NotoSansThai-Regular.ttf", None, ["*"], "OFL.txt"),
    ("hangul", SYSTEM / "nanum/NanumGothic.ttf", HANGUL, [], "OFL.txt"),
    ("han", SYSTEM / "droid/DroidSansFallbackFull.ttf", HAN, [], "APACHE-2.0.txt"),
]


def rename(font, name):
    """The Open Font License reserves some names for the unchanged font."""
    for record in list(font["name"].names):
        if record.nameID in (1, 3, 4, 6, 16):
            font["name"].setName(name, record.nameID, record.platformID, record.platEncID, record.langID)


def make(module, source, characters, features, license):
    options = subset.Options(
        layout_features=features, hinting=False, notdef_outline=True, name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14]
    )
    options.drop_tables += ["TSI0", "TSI1", "TSI2", "TSI3", "TSI5", "GDEF" if not features else "DSIG"]
    font = TTFont(source)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=characters or font.getBestCmap().keys())
    cutter.subset(font)
    if "nanum" in str(source):
        rename(font, "DjanobnbHangul")
    file = pathlib.Path("/tmp") / f"{module}.ttf"
    font.save(file)
    data = base64.b64encode(gzip.compress(file.read_bytes(), 9, mtime=0)).decode()
    body = "\n".join(textwrap.wrap(data, 98))
    (HERE / f"{module}.ts").write_text(
        f"// Cut from {source.name} by make.py; license in {license}. Base64 of gzip of TrueType.\n"
        f"export const data: string = `\n{body}\n`;\n"
    )
    print(f"{module:16} {len(font.getGlyphOrder()):6} glyphs {len(data) // 1024:5} KB")


for entry in FONTS:
    make(*entry)
