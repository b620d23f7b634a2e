"""Images: what guests start from. Speaks the Image API v2, mounted at `/image`.

What this service promises:

- An image's content appears whole or not at all. Bytes flow into a temporary file that its writer keeps
  locked, are hashed and examined on the way, made durable, and only then named. An upload that ends early, lies
  about its format or does not fit leaves nothing behind, and its image is `queued` again.
- Content is stored under its SHA-256. Images with equal content share one file, which lives as long as any
  row refers to it; nobody counts references, they are looked up.
- The declared format is what the content is. A qcow2 with a backing file or an external data file, a VMDK
  that names other files, or one format dressed up as another is refused, since a hypervisor would follow it.
- A caller sees its own images, public and community ones, and those shared with its project; everything else
  answers as if it did not exist.

Content that is imported from elsewhere (web-download, staging) is not taken yet; the API says so.
"""
