/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libvirt domain XML from a vmspec. Valid against libvirt's schema (virt-xml-validate), stable
 * (same vmspec, same bytes), indented. Format: https://libvirt.org/formatdomain.html
 */
#ifndef P2V_CONVERT_DOMAIN_XML_H
#define P2V_CONVERT_DOMAIN_XML_H

#include "convert/vmspec.h"

/* *ret_xml is malloc'd. -ENOMEM; -EINVAL when the spec cannot be expressed (names the field). */
int domain_xml_build(const struct vmspec *s, char **ret_xml, struct err *err);

#endif
