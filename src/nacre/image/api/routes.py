"""Every operation of the image service."""

from __future__ import annotations

from nacre.image import policy
from nacre.image.api import files, images, info, members, schemas, tags, versions
from nacre.kernel.http.routes import Route
from nacre.kernel.policy import PUBLIC

ROUTES = (
    Route("GET", "/", versions.choices, PUBLIC),
    Route("GET", "/versions", versions.index, PUBLIC),
    Route("GET", "/v2/images", images.index, policy.LIST),
    Route("POST", "/v2/images", images.create, policy.CREATE, images.CREATE),
    Route("DELETE", "/v2/images", images.nameless, policy.DELETE),
    Route("GET", "/v2/images/{image_id}", images.show, policy.SHOW),
    Route("PATCH", "/v2/images/{image_id}", images.update, policy.UPDATE, reads_stream=True),
    Route("DELETE", "/v2/images/{image_id}", images.delete, policy.DELETE),
    Route("PUT", "/v2/images/{image_id}/file", files.upload, policy.UPLOAD, reads_stream=True),
    Route("GET", "/v2/images/{image_id}/file", files.download, policy.DOWNLOAD),
    Route("POST", "/v2/images/{image_id}/import", info.refuse_import, policy.UPLOAD),
    Route("PUT", "/v2/images/{image_id}/stage", info.refuse_import, policy.UPLOAD, reads_stream=True),
    Route("POST", "/v2/images/{image_id}/actions/deactivate", images.deactivate, policy.DEACTIVATE),
    Route("POST", "/v2/images/{image_id}/actions/reactivate", images.reactivate, policy.REACTIVATE),
    Route("PUT", "/v2/images/{image_id}/tags/{tag}", tags.put, policy.UPDATE),
    Route("DELETE", "/v2/images/{image_id}/tags/{tag}", tags.delete, policy.UPDATE),
    Route("GET", "/v2/images/{image_id}/members", members.index, policy.MEMBER_SHOW),
    Route("POST", "/v2/images/{image_id}/members", members.create, policy.MEMBER_CREATE, members.ADD),
    Route("GET", "/v2/images/{image_id}/members/{member_id}", members.show, policy.MEMBER_SHOW),
    Route("PUT", "/v2/images/{image_id}/members/{member_id}", members.update, policy.MEMBER_UPDATE, members.DECIDE),
    Route("DELETE", "/v2/images/{image_id}/members/{member_id}", members.delete, policy.MEMBER_DELETE),
    Route("GET", "/v2/schemas/image", schemas.image, policy.SCHEMA_SHOW),
    Route("GET", "/v2/schemas/images", schemas.images, policy.SCHEMA_SHOW),
    Route("GET", "/v2/schemas/member", schemas.member, policy.SCHEMA_SHOW),
    Route("GET", "/v2/schemas/members", schemas.members, policy.SCHEMA_SHOW),
    Route("GET", "/v2/info/import", info.import_methods, policy.INFO_SHOW),
    Route("GET", "/v2/info/stores", info.stores, policy.INFO_SHOW),
    Route("GET", "/v2/info/usage", info.usage, policy.USAGE_SHOW),
)  # fmt: skip
