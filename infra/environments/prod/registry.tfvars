force_delete = false
images_kept  = 100
