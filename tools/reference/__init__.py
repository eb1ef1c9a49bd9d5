"""What the server can say about itself: methodology, glossary, baskets and sources, as Markdown for a model or a person.

`methodology.md`, `glossary.md` and `sources.md` are the files of the same name in docs/, copied here so that the wheel has
them; a test holds them equal.
"""
