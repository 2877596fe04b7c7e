force_delete = true
images_kept  = 50
