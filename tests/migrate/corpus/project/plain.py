def get_project_id(name):
    return {"x": 1}.get(name)

print(get_project_id("x") is None)
