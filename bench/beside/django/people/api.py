from rest_framework.filters import SearchFilter
from rest_framework.pagination import CursorPagination
from rest_framework.serializers import ModelSerializer
from rest_framework.viewsets import ModelViewSet

from people.models import Person


class Pages(CursorPagination):
    """The framework's way for large tables: a page costs the same wherever it is, and nothing is counted."""

    ordering = "id"
    page_size = 100


class PersonSerializer(ModelSerializer):
    class Meta:
        model = Person
        fields = ["id", "first_name", "last_name", "email", "is_verified", "created_at", "updated_at"]


class People(ModelViewSet):
    queryset = Person.objects.all()
    serializer_class = PersonSerializer
    pagination_class = Pages
    filter_backends = [SearchFilter]
    search_fields = ["first_name", "last_name"]
