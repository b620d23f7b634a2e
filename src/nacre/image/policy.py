"""Who may do what with images.

Besides `project_id`, the image's owner, a target holds its `visibility` and, if it is shared with the
caller's project, that project as `member_id`.
"""

from __future__ import annotations

from nacre.kernel.policy import ADMIN, OWN_MEMBER, OWN_READER, Policy

_VISIBLE = (
    f"{OWN_READER} or (rule:reader and (project_id:%(member_id)s"
    " or 'public':%(visibility)s or 'community':%(visibility)s))"
)
_AS_MEMBER = f"{ADMIN} or (rule:member and project_id:%(member_id)s)"

SHOW = Policy("image:images:show", _VISIBLE)
LIST = Policy("image:images:list", OWN_READER)
CREATE = Policy("image:images:create", OWN_MEMBER)
UPDATE = Policy("image:images:update", OWN_MEMBER)
DELETE = Policy("image:images:delete", OWN_MEMBER)
UPLOAD = Policy("image:files:upload", OWN_MEMBER)
DOWNLOAD = Policy("image:files:download", _VISIBLE)
DEACTIVATE = Policy("image:images:deactivate", OWN_MEMBER)
REACTIVATE = Policy("image:images:reactivate", OWN_MEMBER)

PUBLICIZE = Policy("image:images:publicize", ADMIN)
COMMUNITIZE = Policy("image:images:communitize", OWN_MEMBER)
CHOOSE_OWNER = Policy("image:images:choose_owner", ADMIN)
USE_DEACTIVATED = Policy("image:files:download_deactivated", ADMIN)

MEMBER_SHOW = Policy("image:members:show", f"{OWN_READER} or (rule:reader and project_id:%(member_id)s)")
MEMBER_CREATE = Policy("image:members:create", OWN_MEMBER)
MEMBER_DELETE = Policy("image:members:delete", OWN_MEMBER)
MEMBER_UPDATE = Policy("image:members:update", f"{_AS_MEMBER} or (rule:member and project_id:%(project_id)s)")
MEMBER_DECIDE = Policy("image:members:decide", _AS_MEMBER)

SCHEMA_SHOW = Policy("image:schemas:show", "@")
INFO_SHOW = Policy("image:info:show", "@")
USAGE_SHOW = Policy("image:info:usage", OWN_READER)
