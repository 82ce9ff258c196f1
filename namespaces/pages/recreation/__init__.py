"""Files that create a namespace again with everything in it: for az, Bicep, Terraform and as an ARM template."""
