"""Makes a Roundup tracker of the template `classic` as it is: a user, and issues on several pages."""

import os
import subprocess
import sys
from pathlib import Path

import roundup.instance
from roundup import password
from roundup.configuration import CoreConfig

home, address = Path(os.environ["SITE_FOLDER"]) / "tracker", sys.argv[1]
admin = Path(sys.executable).with_name("roundup-admin")
subprocess.run(
    [admin, "-i", home, "install", "classic", "sqlite"], check=True, stdout=subprocess.DEVNULL
)

config = CoreConfig()
config.load_ini(str(home))
config["TRACKER_WEB"] = address
config["MAIL_DOMAIN"] = "example.com"
config["MAIL_HOST"] = "127.0.0.1"
config["MAIL_DEBUG"] = str(home / "mail.txt")
config["RDBMS_BACKEND"] = "sqlite"
config.save(str(home / "config.ini"))

tracker = roundup.instance.open(str(home))
tracker.init(password.Password("administrator", config=tracker.config))
database = tracker.open("admin")
kim = database.user.create(
    username="kim",
    address="kim@example.com",
    realname="Kim Søn",
    roles="User",
    password=password.Password("hunter-hunter", config=tracker.config),
)
for number in range(1, 121):
    database.issue.create(
        title=f"Invoice {number:03}, wrong by “1 øre”",
        priority=str(1 + number % 5),
        status="2",
        assignedto=kim if number % 2 else None,
    )
database.commit()
database.close()
