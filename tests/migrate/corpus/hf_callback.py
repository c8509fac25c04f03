from transformers import TrainerCallback
import ml_dash as mld

class Callback(TrainerCallback):
    def __init__(self):
        self.client = mld.RemoteClient("http://127.0.0.1:3000")

    def on_log(self, args, state, control, logs=None, **kwargs):
        logs = logs or {}
        logs.get("loss")
        if self.client.get_current_user() is None:  #: MLD001 certain get_current_user_or_none
            control.should_training_stop = True
