"""Azure Resource Manager. The only package that imports `azure.*`."""
