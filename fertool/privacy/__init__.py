"""Privacy: what may be computed, stored and shown.

`policy`, `consent` and `suppression` decide, without reading or writing anything; `private` and `names` keep
files for their owner; `answers` has consent on record, `custody` what is held; `removal` and `erasure` forget
and prove it; `blur` covers faces.
"""
