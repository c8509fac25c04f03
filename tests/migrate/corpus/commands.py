"""Programs that start ml-dash as a command."""
import os
import subprocess
import sys

subprocess.run(["ml-dash", "upload", ".dash"], check=True)  #: MLD007 likely TODO
subprocess.check_call("ml-dash download alice/vision", shell=True)  #: MLD007 likely TODO
os.system("ml-dash list -p vision")  #: MLD007 likely TODO
subprocess.run([sys.executable, "-m", "ml_dash.cli", "upload", ".dash"])  #: MLD007 likely TODO
subprocess.run(["ml-dash", "version"], check=True)
subprocess.run(["echo", "ml-dash", "is", "fine"])
print("ml-dash upload .dash")
