"""Names that have another home, or another name, since late 0.6."""
from ml_dash import Experiment, MlDashError, StorageError as StoreTrouble  #: MLD000 certain MLDashError
from ml_dash.exceptions import MlDashError as Base  #: MLD000 certain MLDashError as Base
from ml_dash.auth import StorageError, get_token_storage  #: MLD000 certain import get_token_storage
from ml_dash.auth.exceptions import NotAuthenticatedError  #: MLD000 certain from ml_dash.exceptions import NotAuthenticatedError

try:
    exp = Experiment("alice/vision/moved")
except MlDashError as error:  #= except MLDashError as
    raise SystemExit(str(error))
except (StorageError, StoreTrouble, NotAuthenticatedError, Base):  #= except (TokenStoreError, StoreTrouble, Not
    get_token_storage()
