"""Fills an empty database: an administrator, who has a second factor too, and so many users that the
list has pages."""

import os
from datetime import datetime, timedelta, timezone

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402  (the settings come first)
from django.core.management import call_command  # noqa: E402
from django_otp.plugins.otp_totp.models import TOTPDevice  # noqa: E402

call_command("migrate", verbosity=0)
admin = User.objects.create_superuser("admin", "admin@example.com", "correct horse battery")
# GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ in base32.
TOTPDevice.objects.create(user=admin, name="default", key=b"12345678901234567890".hex())
joined = datetime(2024, 1, 1, 9, 30, tzinfo=timezone.utc)
User.objects.bulk_create(
    User(
        username=f"user{number:03}",
        email=f"user{number:03}@example.com",
        first_name="Åse" if number % 10 == 0 else "Kim",
        last_name=f"O'Neil & Søn {number}",
        is_staff=number % 25 == 0,
        date_joined=joined + timedelta(days=number),
    )
    for number in range(1, 251)
)
