"""A class of the same name as another module's, that is not ours."""


class Tracker:
    def __init__(self):
        self.exp = {"params": {}}

    def start(self):
        return self.exp


def start(name):
    return {"name": name}
