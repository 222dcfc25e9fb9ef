"""Names that break programs which take a name for something else."""

COLUMNS = (
    *("course", "lecture", "student", "segment", "point", "title", "recording", "rule", "level", "value"),
    *("week", "seen", "samples", "present", "expected", "label", "n", "share", "part", "time_s", "hits"),
    *("0", "1", "index", "method", "total", "left", "right", "happy", "neutral", "all", "mean", "literal"),
)
HOSTILE = (
    *("SELECT", "null", "None", "NaN", "true", "DROP TABLE samples; --", "' OR 1=1", '"', "%s", "{name}"),
    *("../x", "..", "CON", "nul.txt", "a:b", "a/b", "a\\b", "a?b*", ".hidden", "x.html", "-rf", "~", "$HOME"),
    *("🎓", "👩‍👩‍👧", "שלום", "مرحبا", "学习", "Zoë", "é", "a\u202eb", "x" * 200),
    *("<b>bold</b>", "</script>", "&amp;", "<!--", "{{ 7 * 7 }}", "[link](x)", "=1+1", "+1", "@sum"),
)
NAMES = COLUMNS + HOSTILE
