"""Django's own administration of users, with the export of django-import-export beside it."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from import_export.admin import ExportMixin
from import_export.resources import ModelResource


class UserResource(ModelResource):
    class Meta:
        model = User
        fields = ("id", "username", "email", "first_name", "last_name", "is_staff", "date_joined")


admin.site.unregister(User)


@admin.register(User)
class ExportedUserAdmin(ExportMixin, UserAdmin):
    resource_classes = [UserResource]
    list_display = ("username", "email", "first_name", "last_name", "is_staff", "date_joined", "id")
