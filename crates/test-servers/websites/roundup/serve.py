"""Serves the tracker by WSGI: Roundup's own server refuses to run as root, as tests in containers do."""

import os
import sys
from pathlib import Path
from wsgiref.simple_server import make_server

from roundup.cgi.wsgi_handler import RequestDispatcher

home = Path(os.environ["SITE_FOLDER"]) / "tracker"
make_server("127.0.0.1", int(sys.argv[1]), RequestDispatcher(str(home))).serve_forever()
