#!/usr/bin/env python
# -*- coding: utf-8 -*-
"""Doc."""
from   ml_dash   import Experiment   # odd spacing

with Experiment( "alice/vision/odd" ).run as exp :
    values = exp . params . get( )   #: MLD004 certain get_or_raise
    print ( values )
