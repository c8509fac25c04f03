from ml_dash import Experiment

exp = Experiment("alice/vision/shadow")

def load(exp):
    return exp.params.get()

class Store:
    def get_current_user(self):
        return None

store = Store()
print(store.get_current_user())
exp = {"params": {}}
print(exp.get("params"))
