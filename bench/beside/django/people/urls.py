from rest_framework.routers import SimpleRouter

from people.api import People

router = SimpleRouter()
router.register("people", People)
urlpatterns = router.urls
