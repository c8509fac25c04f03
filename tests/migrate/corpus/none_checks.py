"""All the ways to test what may be None."""
from ml_dash import RemoteClient

client = RemoteClient("http://x")
if client.get_project_id("a") == None:  #: MLD001 certain get_project_id_or_none
    print("none")
if None is client.get_project_id("b"):  #: MLD001 certain get_project_id_or_none
    print("none")
print(bool(client.get_current_user()))  #: MLD001 certain get_current_user_or_none
x = client.get_project_id("c") or client.get_project_id("d")  #: MLD001 certain get_project_id_or_none
y = client.get_current_user() and 1  #: MLD001 certain get_current_user_or_none
assert client.get_experiment_graphql("a", "b") is not None  #: MLD001 certain get_experiment_graphql_or_none


def early(name):
    found = client.get_project_id(name)  #: MLD001 certain get_project_id_or_none
    if not found:
        return None
    return found.upper()


def late(names):
    for name in names:
        found = client.get_project_id(name)  #: MLD001 certain get_project_id_or_none
        if name and found is not None:
            yield found


def asserted(name):
    found = client.get_project_id(name)  #: MLD001 certain get_project_id_or_none
    assert found, "no such project"
    return found


def ternary(name):
    found = client.get_project_id(name)  #: MLD001 certain get_project_id_or_none
    return found if found else "none"


def in_comprehension(names):
    ids = {name: client.get_project_id(name) for name in names}  #: MLD001 certain get_project_id_or_none
    return [i for i in ids.values() if i]


def returned(name):
    return client.get_project_id(name)  #: MLD001 certain get_project_id_or_none


def not_tested(name):
    found = client.get_project_id(name)  #: MLD001 certain get_project_id_or_raise
    return "/projects/" + found


def tested_as_attribute(self, name):
    self.project = client.get_project_id(name)  #: MLD001 certain get_project_id_or_none
    if self.project is None:
        raise LookupError(name)


def filtered(names):
    return [i for i in (client.get_project_id(n) for n in names) if i]  #: MLD001 certain get_project_id_or_none


def while_loop():
    while not client.get_current_user():  #: MLD001 certain get_current_user_or_none
        input("log in, then press enter")


def tested_before(found, name):
    if found is None:
        found = client.get_project_id(name)  #: MLD001 certain get_project_id_or_raise
    return found.upper()
