"""The admin is all there is: once with a password, once with a second factor."""

from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import include, path
from people.admin import ExportedUserAdmin
from two_factor.admin import AdminSiteOTPRequired
from two_factor.urls import urlpatterns as two_factor

guarded = AdminSiteOTPRequired(name="guarded")
guarded.register(User, ExportedUserAdmin)

urlpatterns = [
    path("admin/", admin.site.urls),
    path("guarded/", guarded.urls),
    path("", include(two_factor)),
]
