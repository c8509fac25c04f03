from factory import connect, make_experiment

with make_experiment("one").run as exp:
    print(exp.params.get())  #: MLD004 certain get_or_raise

client = connect()
if client.get_project_id("x") is None:  #: MLD001 certain get_project_id_or_none
    print("none")
