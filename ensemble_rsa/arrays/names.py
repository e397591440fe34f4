"""Names that every file format and every terminal can hold."""


def readable(name: str) -> str:
    r"""The name with what UTF-8 or HDF5 cannot hold, and control characters, written as escapes.

    File names that are not UTF-8 come from the system with such characters.

    >>> readable("caf\udce9"), readable("a\0b"), readable("café")
    ('caf\\xe9', 'a\\x00b', 'café')
    """
    if name.isprintable():
        return name
    return "".join(_escaped(letter) for letter in name)


def _escaped(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that the system could not decode
        return f"\\x{code - 0xDC00:02x}"
    if 0xD800 <= code <= 0xDFFF:
        return f"\\u{code:04x}"
    is_control = code < 0x20 or 0x7F <= code < 0xA0
    return f"\\x{code:02x}" if is_control and letter not in "\t\n\r" else letter
