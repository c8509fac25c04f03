# runs
from ml_dash.auth.token_storage import decode_jwt_payload as claims_of  #: MLD002 likely TODO


def owner_of(token: str) -> str:
    return claims_of(token).get("sub") or "nobody"


print(owner_of("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.x"))
