from ml_dash import userinfo

print("running as", userinfo.username)  #: MLD001 certain fetch_or_raise().get("username")
if userinfo.email is None:  #: MLD001 certain TODO
    print("no address")
