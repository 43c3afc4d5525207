"""Language, colours and size of a page, as the visitor wants them: in a cookie that says nothing else.

>>> Look.read("en.dark.large")
Look(language='en', theme='dark', size='large')
>>> Look.read("nonsense") == Look()
True
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

LOOK_COOKIE: Final = "__Host-huren-look"

LANGUAGES: Final = ("zh", "en")
THEMES: Final = ("auto", "light", "dark")
SIZES: Final = ("normal", "large")


@dataclass(frozen=True, slots=True)
class Look:
    """How a visitor wants pages.

    Attributes:
        language: `zh` or `en`.
        theme: `light` or `dark`; `auto`: as the browser says.
        size: `normal` or `large` (大字).
    """

    language: str = "zh"
    theme: str = "auto"
    size: str = "normal"

    @classmethod
    def read(cls, text: str) -> Look:
        """Reads the cookie. What is none is as if there were none."""
        parts = text.split(".")
        if len(parts) != len(("language", "theme", "size")):
            return cls()
        return cls().changed(dict(zip(("language", "theme", "size"), parts, strict=True)))

    @property
    def text(self) -> str:
        """As it stands in the cookie."""
        return f"{self.language}.{self.theme}.{self.size}"

    @property
    def zh(self) -> bool:
        """Whether the page is in Chinese."""
        return self.language == "zh"

    @property
    def html_language(self) -> str:
        """As HTML names the language (BCP 47)."""
        return "zh-CN" if self.zh else "en"

    def changed(self, wishes: dict[str, str]) -> Look:
        """With what was wished, as far as it can be had."""
        known = {"language": LANGUAGES, "theme": THEMES, "size": SIZES}
        return replace(self, **{name: wish for name, wish in wishes.items() if wish in known.get(name, ())})
