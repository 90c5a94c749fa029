"""Free text -> what it proposes: words, the phrases they make, and how they are meant."""
