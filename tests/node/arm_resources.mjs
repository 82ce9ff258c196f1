// Registers, changes, lists and deletes with @azure/arm-resources, and prints what came of it as one line of JSON.
// usage: NODE_EXTRA_CA_CERTS=ca.pem node arm_resources.mjs '{"url", "token", "subscription", "group", "namespace", "certificate"}'
import { ResourceManagementClient } from "@azure/arm-resources";

const wish = JSON.parse(process.argv[2]);
const credential = { getToken: async () => ({ token: wish.token, expiresOnTimestamp: Date.now() + 3600000 }) };
const azure = new ResourceManagementClient(credential, wish.subscription, {
  endpoint: wish.url,
  credentialScopes: [`${wish.url}/.default`],
  retryOptions: { maxRetries: 0 },
});
const version = "2025-02-15";
const group = `/subscriptions/${wish.subscription}/resourceGroups/${wish.group}`;
const namespace = `${group}/providers/Microsoft.EventGrid/namespaces/${wish.namespace}`;
const { resources } = azure;
const polling = { updateIntervalInMs: 100 };

await azure.resourceGroups.createOrUpdate(wish.group, { location: "westeurope" });
const mqtt = { topicSpacesConfiguration: { state: "Enabled" } };
const made = await resources.beginCreateOrUpdateByIdAndWait(
  namespace, version, { location: "westeurope", properties: mqtt }, polling);
const ca = await resources.beginCreateOrUpdateByIdAndWait(
  `${namespace}/caCertificates/ca-1`, version, { properties: { encodedCertificate: wish.certificate } }, polling);
const client = `${namespace}/clients/press-7`;
await resources.beginCreateOrUpdateByIdAndWait(client, version, { properties: { attributes: { floor: 3 } } }, polling);
const tagged = await resources.beginUpdateByIdAndWait(namespace, version, { tags: { [wish.group]: "a" } }, polling);
const listed = [];
for await (const each of resources.list({ filter: `tagName eq '${wish.group}'` })) listed.push(each.id);
let refused = "";
try {
  await resources.beginCreateOrUpdateByIdAndWait(client, version, { properties: { state: "Paused" } }, polling);
} catch (error) {
  refused = `${error.statusCode} ${error.code}`;
}
const attributes = (await resources.getById(client, version)).properties.attributes;
await resources.beginDeleteByIdAndWait(client, version, polling);
const exists = await resources.checkExistenceById(client, version).then((answer) => answer.body ?? answer, () => false);
await azure.resourceGroups.beginDeleteAndWait(wish.group, polling);
console.log(JSON.stringify({
  state: made.properties.provisioningState, ca: ca.properties.expiryTimeInUtc, tags: tagged.tags, listed, refused,
  attributes, exists,
}));
