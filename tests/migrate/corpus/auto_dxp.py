from ml_dash.auto_start import dxp

dxp.params.set(lr=0.1)
print(dxp.params.get())  #: MLD004 certain get_or_raise
config = {"x": 1}
print(config.get("x"))
