import ml_dash

ml_dash.dxp.metrics("train").log(loss=0.1)  #: MLD000 certain TODO
last = ml_dash.dxp.metrics("train").read(start_index=0, limit=1)  #: MLD004 certain read_or_raise, MLD000 certain TODO
