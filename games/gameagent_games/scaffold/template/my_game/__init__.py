"""A game whose rules vary: `rules.py` plays it, `family.py` says what varies, `view.py` draws it."""
